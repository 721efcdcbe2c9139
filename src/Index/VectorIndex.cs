using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index;

/// <summary>What finds the nearest rows of a <see cref="VectorSource"/> faster than looking at all of them. Safe for any number of threads.</summary>
public abstract class VectorIndex
{
    private protected VectorIndex(VectorSource source) => Source = source;

    /// <summary>The rows that are found. Their distances are those of an exact scan, bit for bit.</summary>
    public VectorSource Source { get; }

    /// <summary>Rows 0..Count−1 can be found. Never falls.</summary>
    public abstract int Count { get; }

    /// <summary>Bytes of the index, without the source.</summary>
    public abstract long MemoryBytes { get; }

    /// <summary>
    /// Writes the nearest allowed rows, best first (by distance, then row), and returns how many: min(k, allowed rows), always.
    /// <paramref name="results"/> needs room for min(k, rows).
    /// </summary>
    public abstract int Search(ReadOnlySpan<float> query, in HnswSearch search, HnswScratchPool pool, Span<Neighbor> results, ref SearchStats stats);
}
