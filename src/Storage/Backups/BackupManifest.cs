using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.Storage.Backups;

/// <summary>Where a backup ends in one shard's log.</summary>
/// <param name="Until">Exclusive.</param>
public sealed record BackupShard(VChannel Channel, LogPosition Until);

/// <summary>Rows of one partition of one shard, in the order of their ticks.</summary>
/// <param name="ManifestPath">Of a segment as a data folder has it (docs/formats/segment.md).</param>
/// <param name="Checksum">CRC32C of that manifest, so that files of two backups do not mix.</param>
public sealed record BackupSegment(string ManifestPath, uint Checksum, VChannel Channel, PartitionId Partition, int Rows, Timestamp MinTick, Timestamp MaxTick);

/// <summary>
/// A collection as it was at one tick: what a read at that tick sees, and nothing else (docs/formats/backup.md). Written last, so that whoever sees it
/// has the whole backup.
/// </summary>
public sealed record BackupManifest
{
    public const int CurrentVersion = 1;

    /// <summary>The key of the manifest; everything else is named by it.</summary>
    public const string Key = "backup.json";

    public int FormatVersion { get; init; } = CurrentVersion;

    /// <summary>As the catalogue had it: schema, partitions, indexes, properties.</summary>
    public required CollectionRecord Collection { get; init; }

    /// <summary>Every row committed at or below it is there, unless it was deleted at or below it.</summary>
    public required Timestamp Tick { get; init; }

    public required DateTimeOffset TakenAt { get; init; }
    public required ImmutableArray<BackupShard> Shards { get; init; }
    public required ImmutableArray<BackupSegment> Segments { get; init; }

    /// <summary>The highest number among generated primary keys; 0 where keys are given. Keys that a restored collection generates lie above.</summary>
    public required long HighestAutoId { get; init; }

    [JsonIgnore]
    public long Rows => Segments.Sum(s => (long)s.Rows);

    /// <summary>JSON whose last property is the checksum of all that stands before it.</summary>
    public byte[] Encode() => ManifestChecksum.Append(JsonSerializer.SerializeToUtf8Bytes(this, BackupJson.Default.BackupManifest));

    public static BackupManifest Decode(ReadOnlySpan<byte> json, string name)
    {
        if (!ManifestChecksum.Require(json, name))
        {
            throw MiniMilvusException.Corrupted($"{name}: expected a backup's manifest with its checksum, found {json.Length} bytes without one");
        }

        try
        {
            var manifest = JsonSerializer.Deserialize(json, BackupJson.Default.BackupManifest) ?? throw MiniMilvusException.Corrupted($"{name}: expected a backup's manifest, found null");
            return manifest.FormatVersion == CurrentVersion
                ? manifest
                : throw MiniMilvusException.Corrupted($"{name}: expected a backup of version {CurrentVersion}, found version {manifest.FormatVersion}; a newer MiniMilvus reads it");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or ArgumentException or InvalidOperationException)
        {
            throw MiniMilvusException.Corrupted($"{name}: not a backup's manifest: {e.Message}", e);
        }
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, UseStringEnumConverter = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(BackupManifest))]
internal sealed partial class BackupJson : JsonSerializerContext;
