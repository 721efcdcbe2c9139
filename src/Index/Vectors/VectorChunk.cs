using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Distances;

namespace MiniMilvus.Index.Vectors;

/// <summary>
/// An append-only chunk of a growing segment: up to a fixed number of rows, kept as the batches that arrived (views over log
/// messages, no copy). One writer appends; any number of readers read rows below a <see cref="Count"/> they have seen, unblocked.
/// Costs 4 bytes a row for the row table, 4 more for cosine, 24 a batch.
/// </summary>
public sealed class VectorChunk : VectorSource
{
    private readonly int[] _batchOfRow;
    private readonly float[] _inverseNorms = [];
    private Batch[] _batches = new Batch[4];
    private int _batchCount;
    private int _count;

    /// <summary>Creates an empty chunk.</summary>
    public VectorChunk(VectorSpace space, int capacityRows) : base(space)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacityRows, 1);
        _batchOfRow = new int[capacityRows];
        if (space.Metric == MetricType.Cosine) _inverseNorms = new float[capacityRows];
    }

    /// <summary>Rows that fit.</summary>
    public int Capacity => _batchOfRow.Length;

    /// <summary>True when nothing more fits.</summary>
    public bool IsFull => Count == Capacity;

    /// <inheritdoc/>
    public override int Count => Volatile.Read(ref _count);

    internal override ReadOnlySpan<float> InverseNorms => _inverseNorms;

    /// <summary>
    /// Appends as many whole rows as fit and returns how many were taken; the rest belongs to the next chunk.
    /// The memory is kept by reference and must not change. Readers see the rows all at once, when this returns.
    /// </summary>
    public int Append(ReadOnlyMemory<float> rows)
    {
        int dimension = Space.Dimension, first = _count;
        if (rows.Length % dimension != 0)
            throw new ArgumentException($"expected a multiple of {dimension} floats, found {rows.Length}", nameof(rows));
        int taken = Math.Min(rows.Length / dimension, Capacity - first);
        if (taken == 0) return 0;
        rows = rows[..(taken * dimension)];
        if (_batchCount == _batches.Length)
        {
            var larger = new Batch[_batches.Length * 2];
            _batches.CopyTo(larger, 0);
            Volatile.Write(ref _batches, larger);
        }

        _batches[_batchCount] = new Batch(rows, first);
        _batchOfRow.AsSpan(first, taken).Fill(_batchCount++);
        if (_inverseNorms.Length > 0)
        {
            ReadOnlySpan<float> values = rows.Span;
            for (int i = 0; i < taken; i++)
                _inverseNorms[first + i] = InnerProduct.InverseNorm(values.Slice(i * dimension, dimension));
        }

        Volatile.Write(ref _count, first + taken);
        return taken;
    }

    /// <inheritdoc/>
    public override ReadOnlySpan<float> Run(int firstRow)
    {
        CheckRow(firstRow, Count);
        ref readonly Batch batch = ref Volatile.Read(ref _batches)[_batchOfRow[firstRow]];
        return batch.Values.Span[((firstRow - batch.FirstRow) * Space.Dimension)..];
    }

    internal BatchedRows View() => new(Volatile.Read(ref _batches), _batchOfRow, Space.Dimension);

    internal readonly record struct Batch(ReadOnlyMemory<float> Values, int FirstRow);
}
