using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Woodpecker.Metadata;

/// <summary>A record in the metadata store, as JSON. A reader refuses a newer version than its own: what it does not know may change what the rest means.</summary>
internal abstract record DurableRecord
{
    public const int Newest = 1;

    /// <summary>Absent in records of before there were versions, which are as version 1. Not an init property, because an absent one of those would be read as 0.</summary>
    [JsonPropertyOrder(-1)]
    public int Version { get; set; } = Newest;

    public static T Read<T>(string key, ReadOnlySpan<byte> bytes, JsonTypeInfo<T> type)
        where T : DurableRecord
    {
        try
        {
            var record = JsonSerializer.Deserialize(bytes, type) ?? throw new JsonException("null");
            return record.Version is >= 1 and <= Newest
                ? record
                : throw MiniMilvusException.Corrupted($"metadata {key}: expected a record of version 1 to {Newest}, found version {record.Version}");
        }
        catch (JsonException e)
        {
            throw MiniMilvusException.Corrupted($"metadata {key}: expected a record of a log, found {e.Message}", e);
        }
    }
}
