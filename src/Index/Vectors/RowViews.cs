using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MiniMilvus.Index.Vectors;

/// <summary>How a loop reaches a row: compiled into the loop, no virtual call, no bounds check. Callers guarantee row &lt; count.</summary>
internal interface IRowView
{
    ref readonly float At(int row);
}

/// <summary>Rows in one block.</summary>
internal readonly ref struct ContiguousRows(ReadOnlySpan<float> values, int dimension) : IRowView
{
    private readonly ref readonly float _origin = ref MemoryMarshal.GetReference(values);
    private readonly int _dimension = dimension;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref readonly float At(int row) => ref Unsafe.Add(ref Unsafe.AsRef(in _origin), (nint)row * _dimension);
}

/// <summary>Rows in batches, found by a table from row to batch.</summary>
internal readonly ref struct BatchedRows(ReadOnlySpan<VectorChunk.Batch> batches, ReadOnlySpan<int> batchOfRow, int dimension) : IRowView
{
    private readonly ReadOnlySpan<VectorChunk.Batch> _batches = batches;
    private readonly ReadOnlySpan<int> _batchOfRow = batchOfRow;
    private readonly int _dimension = dimension;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref readonly float At(int row)
    {
        ref readonly VectorChunk.Batch batch = ref _batches[_batchOfRow[row]];
        return ref Unsafe.Add(ref MemoryMarshal.GetReference(batch.Values.Span), (nint)(row - batch.FirstRow) * _dimension);
    }
}
