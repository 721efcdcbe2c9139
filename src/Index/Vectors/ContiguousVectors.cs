using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Distances;

namespace MiniMilvus.Index.Vectors;

/// <summary>
/// Vectors in one block of memory, row after row: a sealed segment's column, in an array or mapped from a file. Nothing is copied.
/// For cosine one pass at creation computes the inverse norms (4 bytes a row).
/// </summary>
public sealed class ContiguousVectors : VectorSource
{
    private readonly ReadOnlyMemory<float> _values;
    private readonly float[] _inverseNorms = [];

    /// <summary>Wraps a block whose length must be a multiple of the dimension.</summary>
    public ContiguousVectors(VectorSpace space, ReadOnlyMemory<float> values) : base(space)
    {
        if (values.Length % space.Dimension != 0)
            throw new ArgumentException($"expected a multiple of {space.Dimension} floats, found {values.Length}", nameof(values));
        _values = values;
        Count = values.Length / space.Dimension;
        if (space.Metric != MetricType.Cosine) return;
        _inverseNorms = new float[Count];
        ReadOnlySpan<float> rows = values.Span;
        for (int row = 0; row < Count; row++)
            _inverseNorms[row] = InnerProduct.InverseNorm(rows.Slice(row * space.Dimension, space.Dimension));
    }

    /// <inheritdoc/>
    public override int Count { get; }

    /// <summary>All values, row after row.</summary>
    public ReadOnlyMemory<float> Values => _values;

    internal override ReadOnlySpan<float> InverseNorms => _inverseNorms;

    /// <inheritdoc/>
    public override ReadOnlySpan<float> Run(int firstRow)
    {
        CheckRow(firstRow, Count);
        return _values.Span[(firstRow * Space.Dimension)..];
    }
}
