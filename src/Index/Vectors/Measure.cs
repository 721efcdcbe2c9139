using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MiniMilvus.Index.Distances;

namespace MiniMilvus.Index.Vectors;

/// <summary>
/// Distances from one prepared query to rows, and between rows. Rows stay raw; for cosine the query is normalised beforehand and
/// each row's dot product is multiplied by its inverse norm, one multiplication in place of a second pass or a normalised copy.
/// Scans and graphs share this code, so a row has the same distance to a query bit for bit, whichever finds it.
/// </summary>
internal readonly ref struct Measure<TRows, TMetric>
    where TRows : struct, IRowView, allows ref struct
    where TMetric : struct, IMetric
{
    private const int PrefetchBytesMax = 512;
    private readonly TRows _rows;
    private readonly ReadOnlySpan<float> _inverseNorms;
    private readonly ref readonly float _query;
    private readonly int _dimension;

    public Measure(TRows rows, ReadOnlySpan<float> inverseNorms, ref readonly float preparedQuery, int dimension)
    {
        _rows = rows;
        _inverseNorms = inverseNorms;
        _query = ref preparedQuery;
        _dimension = dimension;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float ToRow(int row)
    {
        float distance = TMetric.Raw(in _query, in _rows.At(row), _dimension);
        return TMetric.UsesNorms ? distance * _inverseNorms[row] : distance;
    }

    /// <summary>The distances to four rows, each bit for bit what <see cref="ToRow"/> gives.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector128<float> ToRows(int a, int b, int c, int d)
    {
        Vector128<float> distances = TMetric.Raw4(in _query, in _rows.At(a), in _rows.At(b), in _rows.At(c), in _rows.At(d), _dimension);
        return TMetric.UsesNorms ? distances * Vector128.Create(_inverseNorms[a], _inverseNorms[b], _inverseNorms[c], _inverseNorms[d]) : distances;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Between(int a, int b)
    {
        float distance = TMetric.Raw(in _rows.At(a), in _rows.At(b), _dimension);
        return TMetric.UsesNorms ? distance * _inverseNorms[a] * _inverseNorms[b] : distance;
    }

    public bool AreEqual(int a, int b) => MemoryMarshal.CreateReadOnlySpan(in _rows.At(a), _dimension)
        .SequenceEqual(MemoryMarshal.CreateReadOnlySpan(in _rows.At(b), _dimension));

    /// <summary>Asks the cache for the start of a row; a hint only, so an address that moves meanwhile does no harm.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe void Prefetch(int row)
    {
        if (!Sse.IsSupported) return;
        byte* address = (byte*)Unsafe.AsPointer(ref Unsafe.AsRef(in _rows.At(row)));
        int bytes = Math.Min(_dimension * sizeof(float), PrefetchBytesMax);
        for (int offset = 0; offset < bytes; offset += 64) Sse.Prefetch0(address + offset);
    }
}
