using MiniMilvus.DataNode;
using MiniMilvus.Simulation.World;

namespace MiniMilvus.Simulation.Golden;

/// <summary>The numbers of a script's world: what a script does not ask for does not happen.</summary>
internal static class GoldenOptions
{
    /// <summary>Nothing happens by itself: no seal, no compaction, no truncation; and each entry of the log has a group, and a flush, of its own.</summary>
    public static SimOptions For(int shards)
    {
        var often = new SimOptions();
        var never = TimeSpan.FromHours(10);
        var compaction = often.Coordinator.Compaction with { IsAutomatic = false };
        var retention = often.Coordinator.Retention with { RetentionDuration = TimeSpan.FromSeconds(10) };
        return often with
        {
            Woodpecker = often.Woodpecker with
            {
                GroupBytesMax = 1, SegmentBytesMax = 1 << 20, SegmentBlocksMax = 10_000, SegmentAgeMax = never, PreallocateBytesFirst = 1 << 18, PreallocateBytesMax = 1 << 18, TailBytesMax = 1 << 20,
            },
            Coordinator = often.Coordinator with { PChannels = shards, Compaction = compaction, Retention = retention },
            StreamingNode = often.StreamingNode with { TailBufferBytes = 1 << 20, TruncationInterval = never },
            DataNode = new DataNodeOptions { DeleteAgeMax = never, SealAgeMax = never, SealIdle = TimeSpan.Zero, GarbageInterval = TimeSpan.Zero, Compaction = compaction, Retention = retention },
        };
    }
}
