using MiniMilvus.Index.Bitmaps;

namespace MiniMilvus.Index.Hnsw;

/// <summary>What to search for: how many, how hard, and among which rows.</summary>
public readonly record struct HnswSearch
{
    /// <summary>Asks for k rows with beam width ef (raised to k where smaller).</summary>
    public HnswSearch(int k, int ef)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(ef, 1);
        K = k;
        Ef = ef;
    }

    /// <summary>Rows wanted.</summary>
    public int K { get; }

    /// <summary>Beam width: larger finds more of the true neighbours and takes longer.</summary>
    public int Ef { get; }

    /// <summary>Rows that may be found; null means all. Rows past its end may not.</summary>
    public BitSet? Allowed { get; init; }

    /// <summary>Rows at or above this are not found: a snapshot over a graph that grows. A caller that scans the rest from
    /// <see cref="HnswGraph.Count"/> passes the count it read, so that no row is found twice.</summary>
    public int RowLimit { get; init; } = int.MaxValue;

    /// <summary>Of a quantised index: how many times k rows are re-ranked by their true distances (Milvus: refine_k); below 1 counts as 1.</summary>
    public float RefineK { get; init; }

    /// <summary>Of an IVF index: how many lists are scanned (Milvus: nprobe); 0 leaves it to the index.</summary>
    public int Probes { get; init; }

    /// <summary>Whether to let the graph choose between walking and scanning.</summary>
    public HnswPath Path { get; init; }
}

/// <summary>How a search goes about it.</summary>
public enum HnswPath
{
    /// <summary>Walks the graph unless a scan of the allowed rows is expected to cost less.</summary>
    Auto,

    /// <summary>Walks the graph in any case.</summary>
    Walk,

    /// <summary>Scans in any case.</summary>
    Scan,
}
