using System.ComponentModel.DataAnnotations;
using MiniMilvus.Index.Hnsw;

namespace MiniMilvus.QueryNode;

/// <summary>The numbers of a query node. Components (clock, stores, pools) come through constructors.</summary>
public sealed record QueryNodeOptions
{
    /// <summary>Where other processes reach this node; "" = in this process only.</summary>
    public string Address { get; init; } = "";

    /// <summary>How long a read waits for its guarantee before it fails with a retriable error (Q6).</summary>
    public TimeSpan GuaranteeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a read waits for a collection that is being loaded, after a restart for example.</summary>
    public TimeSpan LoadWait { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A guarantee further ahead of the clock than this is refused (Q1). More than the coordinator's timestamp window: grants run ahead by that after a restart.</summary>
    public TimeSpan GuaranteeAheadMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Rows of a growing segment's first chunk. A multiple of 64.</summary>
    public int ChunkRowsMin { get; init; } = 4096;

    /// <summary>How many times as large as the one before each next chunk is. A search walks through the graph of every chunk.</summary>
    [Range(1, 64)]
    public int ChunkGrowth { get; init; } = 8;

    /// <summary>Rows of a chunk at most. A multiple of 64.</summary>
    public int ChunkRowsMax { get; init; } = 262_144;

    /// <summary>A chunk's graph is extended when so many of its rows wait for it.</summary>
    public int GraphStepRows { get; init; } = 1024;

    /// <summary>Chunks whose graphs are extended at once, where so many wait. Usually one processor is left to searches.</summary>
    [Range(1, 1024)]
    public int GraphWorkers { get; init; } = Math.Max(1, Environment.ProcessorCount - 1);

    /// <summary>How the graphs of growing chunks are built.</summary>
    public HnswOptions GrowingGraph { get; init; } = new() { EfConstruction = 100 };

    /// <summary>Breadth of the graph walk for requests that name none.</summary>
    public int EfDefault { get; init; } = 64;

    /// <summary>How many times k rows of an index with int8 codes are re-ranked by their vectors, for requests that name none.</summary>
    public float RefineKDefault { get; init; } = 3;

    /// <summary>Queries searched by one job of the compute pool.</summary>
    public int QueriesPerJob { get; init; } = 16;

    /// <summary>Floats to scan for one query from which on another thread helps.</summary>
    [Range(1, 1 << 30)]
    public int SliceFloats { get; init; } = 1 << 20;

    /// <summary>Threads that may be at one query at once.</summary>
    [Range(1, 1024)]
    public int SearchThreads { get; init; } = Environment.ProcessorCount;

    /// <summary>Bytes of growing rows at which this node stops reading the log until a handoff frees some (Q8).</summary>
    public long GrowingBytesMax { get; init; } = 2L << 30;

    /// <summary>Bytes of sealed segments above which no further one is loaded (Q8).</summary>
    public long SealedBytesMax { get; init; } = 8L << 30;

    /// <summary>Sealed segments of a shard that are loaded at once.</summary>
    public int LoadConcurrency { get; init; } = 4;

    /// <summary>Rows that one retrieve may return or sort.</summary>
    public int RetrieveRowsMax { get; init; } = 4_000_000;

    /// <summary>How often reader positions are reported to the coordinator, when they have changed (S3).</summary>
    public TimeSpan ReportInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Wait before a failed load or tail is tried again; doubles up to <see cref="RetryDelayMax"/>.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    public TimeSpan RetryDelayMax { get; init; } = TimeSpan.FromSeconds(15);
}
