using MiniMilvus.Index.Distances;

namespace MiniMilvus.Index.Vectors;

/// <summary>
/// Rows of float vectors in one metric space, addressed 0..Count−1: what scans and graphs read. A row never changes and never moves
/// once it is counted. The two kinds are <see cref="ContiguousVectors"/> (one block) and <see cref="VectorChunk"/> (a list of batches);
/// loops ask for their row view once and then make no virtual call. Memory belongs to whoever supplied it and must outlive the source.
/// </summary>
public abstract class VectorSource
{
    private protected VectorSource(VectorSpace space)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(space.Dimension, 1, nameof(space));
        Space = space;
    }

    /// <summary>Metric and dimension of every row.</summary>
    public VectorSpace Space { get; }

    /// <summary>Rows that may be read; never falls.</summary>
    public abstract int Count { get; }

    /// <summary>The raw vector of a row.</summary>
    public ReadOnlySpan<float> Row(int row) => Run(row)[..Space.Dimension];

    /// <summary>The longest stretch of rows that lies in one piece and starts at the given row; at least one row.</summary>
    public abstract ReadOnlySpan<float> Run(int firstRow);

    /// <summary>Per row 1/‖row‖ (0 for a zero row) where the metric is cosine, else empty.</summary>
    internal abstract ReadOnlySpan<float> InverseNorms { get; }

    private protected static void CheckRow(int row, int count)
    {
        if ((uint)row >= (uint)count) throw new ArgumentOutOfRangeException(nameof(row), row, $"expected a row below {count}");
    }
}
