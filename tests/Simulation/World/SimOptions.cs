using System.Collections.Immutable;
using MiniMilvus.Coordinator;
using MiniMilvus.Core;
using MiniMilvus.DataNode;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Proxy;
using MiniMilvus.QueryNode;
using MiniMilvus.Storage.Compaction;
using MiniMilvus.Storage.Meta;
using MiniMilvus.StreamingNode;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Simulation.World;

/// <summary>The server's numbers, so small that rolls, seals, flushes, snapshots, truncations and handoffs happen all the time.</summary>
internal sealed record SimOptions
{
    public EmbeddedMetaStoreOptions Meta { get; init; } = new() { JournalBytesMax = 16 * 1024 };

    public WoodpeckerOptions Woodpecker { get; init; } = new()
    {
        BlockBytesMax = 2048, GroupBytesMax = 8192, SegmentBytesMax = 12 * 1024, SegmentBlocksMax = 40, SegmentAgeMax = TimeSpan.FromSeconds(20),
        PreallocateBytesFirst = 4096, PreallocateBytesMax = 8192, ReadBytes = 4096, TailBytesMax = 4 * 1024, DiskUsedFractionMax = 1, DiskFreeBytesMin = SimWorld.FullBelowBytes, DiskSlowBytes = SimWorld.FullBelowBytes, DiskSpaceLookInterval = TimeSpan.FromMilliseconds(100),
        RetentionTime = TimeSpan.FromSeconds(1), CollectionRetryInterval = TimeSpan.FromSeconds(1), ReaderLeaseTime = TimeSpan.FromSeconds(2),
    };

    public CoordinatorOptions Coordinator { get; init; } = new()
    {
        Compaction = Compacting, Retention = Retaining, PChannels = 2, PChannelPrefix = "p", IdWindow = 1000, TimestampWindow = TimeSpan.FromSeconds(3),
    };

    public StreamingNodeOptions StreamingNode { get; init; } = new()
    {
        TailBufferBytes = 4 * 1024, SegmentRowsMax = 40, SegmentBytesMax = 64 * 1024, TruncationInterval = TimeSpan.FromSeconds(1), GroupMessagesMax = 16,
    };

    public QueryNodeOptions QueryNode { get; init; } = new()
    {
        ChunkRowsMin = 64, ChunkRowsMax = 64, GraphStepRows = 16, GrowingGraph = new HnswOptions { M = 8, EfConstruction = 64 }, EfDefault = 128, ReportInterval = TimeSpan.FromSeconds(1),
    };

    public DataNodeOptions DataNode { get; init; } = new()
    {
        SealAgeMax = TimeSpan.FromSeconds(15), SealRequestInterval = TimeSpan.FromSeconds(3), SealBacklogBytes = 64 * 1024, DeleteCountMax = 20, BufferBytesMax = 3 * 1024, SealPressureBytes = 3 * 1024, DeleteAgeMax = TimeSpan.FromSeconds(5),
        CheckpointInterval = TimeSpan.FromMilliseconds(500), IdleCheckpointInterval = TimeSpan.FromSeconds(2), RetryDelayMax = TimeSpan.FromSeconds(2),
        GarbageInterval = TimeSpan.FromSeconds(4), Compaction = Compacting, Retention = Retaining,
    };

    public ProxyOptions Proxy { get; init; } = new() { MessageBytesMax = 700 };

    public SimSeams Seams { get; init; } = SimSeams.None;

    private static CompactionOptions Compacting { get; } = new()
    {
        TriggerInterval = TimeSpan.FromSeconds(2), SegmentsMin = 2, SegmentRowsMax = 120, DeletedShare = 0.1, DropTolerance = TimeSpan.FromSeconds(2),
    };

    private static RetentionOptions Retaining { get; } = new() { RetentionDuration = TimeSpan.FromMilliseconds(500) };

    public ImmutableArray<PChannel> PChannels => [.. Enumerable.Range(0, Coordinator.PChannels).Select(i => new PChannel($"{Coordinator.PChannelPrefix}_{i}"))];
}
