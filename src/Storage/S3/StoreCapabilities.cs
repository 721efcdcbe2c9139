using System.Text.Json;
using System.Text.Json.Serialization;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.S3;

/// <summary>What a store does with a put that must find nothing under its key.</summary>
public enum ConditionalPuts
{
    /// <summary>Of several racers exactly one wins: the condition fences.</summary>
    Honoured,

    /// <summary>It says that it does not know the condition (501): a lock elsewhere must fence.</summary>
    NotSupported,

    /// <summary>It takes the condition and stores regardless: nothing fences, and nothing would show it.</summary>
    Ignored,
}

/// <summary>What the probe found out about a store; kept with the metadata, so that a store that changes its ways is noticed.</summary>
/// <param name="Store">The store as messages name it.</param>
/// <param name="Condition">The header that was tried, as "name: value".</param>
/// <param name="ReadsAfterWrites">Whether a get, a head and a list showed each write at once.</param>
/// <param name="Evidence">What was seen, in words.</param>
public sealed record StoreCapabilities(string Store, string Condition, ConditionalPuts ConditionalPuts, bool ReadsAfterWrites, string Evidence)
{
    private const int Newest = 1;
    private static readonly JsonSerializerOptions s_json = new()
    {
        Converters = { new JsonStringEnumConverter() }, PropertyNamingPolicy = JsonNamingPolicy.CamelCase, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true,
    };

    /// <summary>Of the record's form. One without it is of before there were versions, and as version 1.</summary>
    [JsonPropertyOrder(-1)]
    public int Version { get; init; } = Newest;

    /// <summary>True when a lock outside the store must fence writers.</summary>
    [JsonIgnore]
    public bool NeedsLock => ConditionalPuts == ConditionalPuts.NotSupported;

    /// <summary>Returns itself if a log may be kept there, with a lock or without.</summary>
    /// <exception cref="MiniMilvusException">Invalid (NotSupported): the store would let two writers of one log both succeed, or hide what was written.</exception>
    public StoreCapabilities RequireSafe()
    {
        if (ConditionalPuts == ConditionalPuts.Ignored)
        {
            throw MiniMilvusException.Invalid(
                ErrorReason.NotSupported, $"{Store} accepts the condition '{Condition}' and ignores it ({Evidence}): two writers of one log would both succeed. Use a store, or the profile of the store, that honours it");
        }

        return ReadsAfterWrites
            ? this
            : throw MiniMilvusException.Invalid(ErrorReason.NotSupported, $"{Store} does not show a write to the reads that follow it ({Evidence}): nothing can be kept there");
    }

    public byte[] Encode() => JsonSerializer.SerializeToUtf8Bytes(this, s_json);

    /// <exception cref="MiniMilvusException">Corrupted.</exception>
    public static StoreCapabilities Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var record = JsonSerializer.Deserialize<StoreCapabilities>(bytes, s_json) ?? throw new JsonException("null");
            return record.Version is >= 1 and <= Newest
                ? record
                : throw MiniMilvusException.Corrupted($"capabilities of the object store: expected a record of version 1 to {Newest}, found version {record.Version}");
        }
        catch (JsonException e)
        {
            throw MiniMilvusException.Corrupted($"capabilities of the object store: expected the record of a probe, found {e.Message}", e);
        }
    }
}
