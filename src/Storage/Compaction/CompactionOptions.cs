using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;

namespace MiniMilvus.Storage.Compaction;

/// <summary>When segments are compacted (configuration section <c>DataCoord</c>, with Milvus's names where it has them). Read by the coordinator, which plans what is asked for, and by the data node.</summary>
public sealed record CompactionOptions
{
    /// <summary>Off: nothing is compacted, not even when asked for.</summary>
    [ConfigurationKeyName("EnableCompaction")]
    public bool IsEnabled { get; init; } = true;

    /// <summary>Off: only what is asked for. A collection's property <c>collection.autocompaction.enabled</c> turns it off for itself.</summary>
    [ConfigurationKeyName("Compaction:EnableAutoCompaction")]
    public bool IsAutomatic { get; init; } = true;

    /// <summary>How often segments are looked through for something to compact, while anything changes.</summary>
    [ConfigurationKeyName("Compaction:Mix:TriggerInterval")]
    [Range(typeof(TimeSpan), "00:00:00.010", "1.00:00:00", ParseLimitsInInvariantCulture = true, ConvertValueInInvariantCulture = true)]
    public TimeSpan TriggerInterval { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>So many small segments are merged however little they fill …</summary>
    [ConfigurationKeyName("Compaction:Min:Segment")]
    [Range(2, 50)]
    public int SegmentsMin { get; init; } = 3;

    /// <summary>… and so many at a time at most. Bounded by what one transaction of the metadata holds.</summary>
    [ConfigurationKeyName("Compaction:Max:Segment")]
    [Range(2, 50)]
    public int SegmentsMax { get; init; } = 30;

    /// <summary>A segment of whose rows at least this share is deleted is rewritten without them.</summary>
    [ConfigurationKeyName("Compaction:Single:Ratio:Threshold")]
    [Range(0.01, 1.0)]
    public double DeletedShare { get; init; } = 0.2;

    /// <summary>What a compacted segment has at most, in bytes of its column files …</summary>
    [ConfigurationKeyName("Segment:MaxSize")]
    [Range(1024L, 1L << 30)]
    public long SegmentBytesMax { get; init; } = 256L << 20;

    /// <summary>… and in rows.</summary>
    [ConfigurationKeyName("Segment:MaxRows")]
    [Range(2L, 100_000_000L)]
    public long SegmentRowsMax { get; init; } = 1_000_000;

    /// <summary>A segment that fills less than this part of either is small.</summary>
    [ConfigurationKeyName("Segment:SmallProportion")]
    [Range(0.0, 1.0)]
    public double SmallProportion { get; init; } = 0.5;

    /// <summary>Two small segments are enough when together they fill this part.</summary>
    [ConfigurationKeyName("Segment:CompactableProportion")]
    [Range(0.0, 1.0)]
    public double CompactableProportion { get; init; } = 0.85;

    /// <summary>How long the files of compacted segments are kept, for who is just opening them.</summary>
    [ConfigurationKeyName("Gc:DropTolerance")]
    [Range(typeof(TimeSpan), "00:00:00", "365.00:00:00", ParseLimitsInInvariantCulture = true, ConvertValueInInvariantCulture = true)]
    public TimeSpan DropTolerance { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>What holds for every role (configuration section <c>Common</c>).</summary>
public sealed record RetentionOptions
{
    /// <summary>Rows that were deleted this long ago may be left out by a compaction; reads of an earlier time are refused from then on (Q7).</summary>
    [Range(typeof(TimeSpan), "00:00:00", "365.00:00:00", ParseLimitsInInvariantCulture = true, ConvertValueInInvariantCulture = true)]
    public TimeSpan RetentionDuration { get; init; } = TimeSpan.FromSeconds(10);
}
