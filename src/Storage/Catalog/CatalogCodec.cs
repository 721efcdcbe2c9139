using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Storage.Catalog;

/// <summary>Values of the catalogue's keys: JSON of the records in Core, numbers as text.</summary>
public static class CatalogCodec
{
    public static ReadOnlyMemory<byte> Encode(DatabaseRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, CatalogJson.Default.DatabaseRecord);

    public static ReadOnlyMemory<byte> Encode(CollectionRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, CatalogJson.Default.CollectionRecord);

    public static ReadOnlyMemory<byte> Encode(AliasRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, CatalogJson.Default.AliasRecord);

    public static ReadOnlyMemory<byte> Encode(SegmentRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, CatalogJson.Default.SegmentRecord);

    public static ReadOnlyMemory<byte> Encode(DeleteFileRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, CatalogJson.Default.DeleteFileRecord);

    public static ReadOnlyMemory<byte> Encode(CompactionRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, CatalogJson.Default.CompactionRecord);

    public static ReadOnlyMemory<byte> Encode(ChannelCheckpoint record) => JsonSerializer.SerializeToUtf8Bytes(record, CatalogJson.Default.ChannelCheckpoint);

    public static ReadOnlyMemory<byte> Encode(ChannelAssignment record) => JsonSerializer.SerializeToUtf8Bytes(record, CatalogJson.Default.ChannelAssignment);

    public static ReadOnlyMemory<byte> Encode(NodeSession record) => JsonSerializer.SerializeToUtf8Bytes(record, CatalogJson.Default.NodeSession);

    public static ReadOnlyMemory<byte> Encode(DdlCommand command) => JsonSerializer.SerializeToUtf8Bytes(command, CatalogJson.Default.DdlCommand);

    public static ReadOnlyMemory<byte> Encode(long number) => Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture));

    public static DatabaseRecord Database(MetaEntry entry) => Decode(entry, CatalogJson.Default.DatabaseRecord);

    public static CollectionRecord Collection(MetaEntry entry) => Decode(entry, CatalogJson.Default.CollectionRecord);

    public static AliasRecord Alias(MetaEntry entry) => Decode(entry, CatalogJson.Default.AliasRecord);

    public static SegmentRecord Segment(MetaEntry entry) => Decode(entry, CatalogJson.Default.SegmentRecord);

    public static DeleteFileRecord DeleteFile(MetaEntry entry) => Decode(entry, CatalogJson.Default.DeleteFileRecord);

    public static CompactionRecord Compaction(MetaEntry entry) => Decode(entry, CatalogJson.Default.CompactionRecord);

    public static ChannelCheckpoint Checkpoint(MetaEntry entry) => Decode(entry, CatalogJson.Default.ChannelCheckpoint);

    public static ChannelAssignment Assignment(MetaEntry entry) => Decode(entry, CatalogJson.Default.ChannelAssignment);

    public static NodeSession Session(MetaEntry entry) => Decode(entry, CatalogJson.Default.NodeSession);

    public static DdlCommand Command(MetaEntry entry) => Decode(entry, CatalogJson.Default.DdlCommand);

    public static long Number(MetaEntry entry) => long.TryParse(entry.Value.Span, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
        ? number
        : throw MiniMilvusException.Corrupted($"metadata key '{entry.Key}' at revision {entry.ModRevision}: expected a number, found {entry.Value.Length} bytes that are none");

    private static T Decode<T>(MetaEntry entry, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(entry.Value.Span, type)
                ?? throw MiniMilvusException.Corrupted($"metadata key '{entry.Key}' at revision {entry.ModRevision}: expected {typeof(T).Name}, found null");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw MiniMilvusException.Corrupted($"metadata key '{entry.Key}' at revision {entry.ModRevision}: expected {typeof(T).Name}: {e.Message}", e);
        }
    }
}
