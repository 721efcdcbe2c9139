using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Compaction;

namespace MiniMilvus.DataNode;

/// <summary>Settings of the data node (configuration section <c>DataNode</c>): numbers only; the clock and the stores are components.</summary>
public sealed record DataNodeOptions
{
    /// <summary>The pchannels that this node persists.</summary>
    public ImmutableArray<PChannel> PChannels { get; init; } = [];

    /// <summary>Where this node answers; "" in one process.</summary>
    public string Address { get; init; } = "";

    /// <summary>
    /// Bytes of rows and deletes held in memory over all channels. Reading stops at it while uploads make room; when nothing is on its way
    /// out, the largest growing buffer is let go and read again from the log at its flush. Must exceed the largest segment.
    /// </summary>
    public long BufferBytesMax { get; init; } = 512L << 20;

    /// <summary>Above this many bytes the node asks for the largest growing segment to be sealed.</summary>
    public long SealPressureBytes { get; init; } = 256L << 20;

    /// <summary>A growing segment older than this is asked to be sealed.</summary>
    public TimeSpan SealAgeMax { get; init; } = TimeSpan.FromHours(1);

    /// <summary>A growing segment without a new row for this long is asked to be sealed (Milvus: maxIdleTime); zero = never for that reason.</summary>
    public TimeSpan SealIdle { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>A growing segment that holds back more than this many bytes of its pchannel's log is asked to be sealed (S3).</summary>
    public long SealBacklogBytes { get; init; } = 1L << 30;

    /// <summary>At most one request to seal per shard in this time.</summary>
    public TimeSpan SealRequestInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Segments uploaded at the same time, over all channels.</summary>
    public int FlushConcurrency { get; init; } = 2;

    /// <summary>Indexes built at the same time.</summary>
    public int IndexConcurrency { get; init; } = 1;

    /// <summary>Parts of one index's build that are queued on the compute pool at the same time. The index does not depend on it.</summary>
    public int IndexThreads { get; init; } = Environment.ProcessorCount;

    /// <summary>A shard's deletes become a file at this many keys …</summary>
    public int DeleteCountMax { get; init; } = 100_000;

    /// <summary>… or this many bytes …</summary>
    public long DeleteBytesMax { get; init; } = 16L << 20;

    /// <summary>… or this age.</summary>
    public TimeSpan DeleteAgeMax { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>At most one checkpoint per shard in this time, unless a ManualFlush waits for it.</summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The same for a shard with no message of its own since its last checkpoint: it moves with its pchannel (S3).</summary>
    public TimeSpan IdleCheckpointInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often files that nothing names are looked for and deleted; zero = never.</summary>
    public TimeSpan GarbageInterval { get; init; } = TimeSpan.FromHours(1);

    /// <summary>What is compacted, and when; the section <c>DataCoord</c>.</summary>
    public CompactionOptions Compaction { get; init; } = new();

    /// <summary>How long deleted rows are kept for reads of an earlier time; the section <c>Common</c>.</summary>
    public RetentionOptions Retention { get; init; } = new();

    /// <summary>A compaction waits this long, again and again, while more than <see cref="SealPressureBytes"/> are buffered.</summary>
    public TimeSpan PressurePause { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>The first pause before an operation that was Unavailable is tried again; doubles up to <see cref="RetryDelayMax"/>.</summary>
    public TimeSpan RetryDelayMin { get; init; } = TimeSpan.FromMilliseconds(100);

    public TimeSpan RetryDelayMax { get; init; } = TimeSpan.FromSeconds(10);

    internal void Check()
    {
        Positive(BufferBytesMax, nameof(BufferBytesMax));
        Positive(SealPressureBytes, nameof(SealPressureBytes));
        Positive(SealBacklogBytes, nameof(SealBacklogBytes));
        Positive(FlushConcurrency, nameof(FlushConcurrency));
        Positive(IndexConcurrency, nameof(IndexConcurrency));
        Positive(IndexThreads, nameof(IndexThreads));
        Positive(DeleteCountMax, nameof(DeleteCountMax));
        Positive(DeleteBytesMax, nameof(DeleteBytesMax));
        Positive(RetryDelayMin.Ticks, nameof(RetryDelayMin));
        Positive(CheckpointInterval.Ticks, nameof(CheckpointInterval));
        Positive(PressurePause.Ticks, nameof(PressurePause));
        Positive(SealRequestInterval.Ticks, nameof(SealRequestInterval));
        if (Compaction.SegmentsMax < Compaction.SegmentsMin)
        {
            throw MiniMilvusException.Invalid($"DataCoord:Compaction:Max:Segment: expected {Compaction.SegmentsMin} (DataCoord:Compaction:Min:Segment) or more, found {Compaction.SegmentsMax}");
        }

        if (RetryDelayMax < RetryDelayMin)
        {
            throw MiniMilvusException.Invalid($"DataNode:RetryDelayMax: expected {RetryDelayMin} or more, found {RetryDelayMax}");
        }
    }

    private static void Positive(long value, string name)
    {
        if (value <= 0)
        {
            throw MiniMilvusException.Invalid($"DataNode:{name}: expected more than 0, found {value}");
        }
    }
}
