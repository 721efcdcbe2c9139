using MiniMilvus.Storage.Compaction;

namespace MiniMilvus.Coordinator;

/// <summary>Settings of the coordinator (configuration section <c>Coordinator</c>).</summary>
public sealed record CoordinatorOptions
{
    /// <summary>Physical channels, each one Woodpecker log. Fixed for the life of a data folder; more may be added.</summary>
    public int PChannels { get; init; } = 2;

    /// <summary>The prefix of their names, as in Milvus.</summary>
    public string PChannelPrefix { get; init; } = "by-dev-rootcoord-dml";

    /// <summary>How far ahead of the clock timestamps are persisted: one write per window, not per grant. After a restart grants run ahead by so much at most, and a little more for each restart that follows at once.</summary>
    public TimeSpan TimestampWindow { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Ids persisted ahead at a time.</summary>
    public long IdWindow { get; init; } = 1_000_000;

    /// <summary>How long a DDL step may take to reach the logs of its shards.</summary>
    public TimeSpan DdlTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>What a compaction that is asked for comes to; the sections <c>DataCoord</c> and <c>Common</c>.</summary>
    public CompactionOptions Compaction { get; init; } = new();

    public RetentionOptions Retention { get; init; } = new();

    public int ShardsMax { get; init; } = 16;

    public int FieldsMax { get; init; } = 64;

    public int DimMax { get; init; } = 32_768;

    public int PartitionsMax { get; init; } = 1024;
}
