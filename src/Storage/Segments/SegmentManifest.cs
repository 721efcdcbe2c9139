using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Storage.Segments;

/// <summary>One column file of a segment. <see cref="Checksum"/> is the CRC32C of the whole object.</summary>
public sealed record SegmentFile(FieldId Field, DataType Type, string Path, long Bytes, uint Checksum);

/// <summary>How a compaction's output came to be: as in its catalogue record.</summary>
public sealed record CompactionTrace(ImmutableArray<SegmentId> From, LogPosition DeletesUntil, Timestamp PurgedUntil);

/// <summary>
/// What a sealed segment consists of; written last, so that whoever sees it sees all (docs/formats/segment.md). Named by the attempt that wrote it;
/// the catalogue's record names the one that counts.
/// </summary>
public sealed record SegmentManifest
{
    /// <summary>Version 1 had no checksum of its own; it is still read.</summary>
    public const int CurrentVersion = 2;

    public int FormatVersion { get; init; } = CurrentVersion;
    public required SegmentId Segment { get; init; }
    public required CollectionId Collection { get; init; }
    public required PartitionId Partition { get; init; }
    public required VChannel Channel { get; init; }
    public required long Attempt { get; init; }
    /// <summary>The data node's term that wrote it (S9).</summary>
    public required Term Term { get; init; }
    public required int SchemaVersion { get; init; }
    public required FieldId PrimaryKey { get; init; }
    public required int Rows { get; init; }
    public required Timestamp MinTick { get; init; }
    public required Timestamp MaxTick { get; init; }
    public required LogPosition Start { get; init; }
    public required LogPosition End { get; init; }
    public required ImmutableArray<SegmentFile> Files { get; init; }
    /// <summary>Of a compaction's output only: whose rows it has, which deletes are applied in it, and below which tick it must not be read (S8, Q7).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public CompactionTrace? Compaction { get; init; }

    [JsonIgnore]
    public long Bytes => Files.Sum(f => f.Bytes);

    /// <summary>JSON whose last property is the checksum of all that stands before it.</summary>
    public byte[] Encode() => ManifestChecksum.Append(JsonSerializer.SerializeToUtf8Bytes(this, SegmentJson.Default.SegmentManifest));

    public static SegmentManifest Decode(ReadOnlySpan<byte> json, string name)
    {
        var isChecked = ManifestChecksum.Require(json, name);
        SegmentManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(json, SegmentJson.Default.SegmentManifest)
                ?? throw MiniMilvusException.Corrupted($"{name}: expected a manifest, found null");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or ArgumentException or InvalidOperationException)
        {
            throw MiniMilvusException.Corrupted($"{name}: not a manifest: {e.Message}", e);
        }

        if (manifest.FormatVersion is not (1 or CurrentVersion) || (manifest.FormatVersion > 1 && !isChecked) || manifest.Rows < 0 || manifest.Files.IsDefaultOrEmpty || manifest.Files.Any(f => f is null || f.Path is null))
        {
            throw MiniMilvusException.Corrupted($"{name}: expected a manifest of version 1 or {CurrentVersion} with files and, from version 2 on, a checksum, found version {manifest.FormatVersion}{(isChecked ? "" : " without a checksum")}");
        }

        return manifest;
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, UseStringEnumConverter = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(SegmentManifest))]
internal sealed partial class SegmentJson : JsonSerializerContext;
