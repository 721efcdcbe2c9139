using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MiniMilvus.Index.Distances;

namespace MiniMilvus.Index.Sealed;

/// <summary>Distances from one query to nodes, compiled into the walk. Nodes are trusted: their bounds were checked when the graph was opened.</summary>
internal interface INodeMeasure
{
    float One(int node);

    /// <summary>Four at once, each bit for bit as <see cref="One"/>.</summary>
    Vector128<float> Four(int a, int b, int c, int d);

    void Prefetch(int node);
}

/// <summary>Nodes that hold their vector as floats: the distances of a scan, bit for bit.</summary>
internal readonly unsafe struct FloatNodes<TMetric>(byte* records, nint stride, float* norms, float* query, int dimension) : INodeMeasure
    where TMetric : struct, IMetric
{
    private const int PrefetchBytesMax = 512;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float One(int node)
    {
        float distance = TMetric.Raw(in *query, in *At(node), dimension);
        return TMetric.UsesNorms ? distance * norms[node] : distance;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector128<float> Four(int a, int b, int c, int d)
    {
        Vector128<float> distances = TMetric.Raw4(in *query, in *At(a), in *At(b), in *At(c), in *At(d), dimension);
        return TMetric.UsesNorms ? distances * Vector128.Create(norms[a], norms[b], norms[c], norms[d]) : distances;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(int node)
    {
        if (!Sse.IsSupported) return;
        byte* record = records + (node * stride);
        int bytes = Math.Min(dimension * sizeof(float), PrefetchBytesMax);
        for (int offset = 0; offset < bytes; offset += 64) Sse.Prefetch0(record + offset);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private float* At(int node) => (float*)(records + (node * stride));
}

/// <summary>Nodes that hold a code of one byte a value: distances that are near the true ones.</summary>
internal readonly unsafe struct Int8Nodes<TMetric>(byte* records, nint stride, short* query, int padded, float start, float factor) : INodeMeasure
    where TMetric : struct, IInt8Metric
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float One(int node) => start + (factor * TMetric.Sum(query, At(node), padded));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector128<float> Four(int a, int b, int c, int d) => Int8Code.HasFour
        ? Vector128.Create(start) + (Vector128.Create(factor) * TMetric.Sum4(query, At(a), At(b), At(c), At(d), padded))
        : Vector128.Create(One(a), One(b), One(c), One(d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(int node)
    {
        if (!Sse.IsSupported) return;
        for (int offset = 0; offset < padded; offset += 64) Sse.Prefetch0(records + (node * stride) + offset);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private sbyte* At(int node) => (sbyte*)(records + (node * stride));
}

/// <summary>The integer sum behind a metric.</summary>
internal unsafe interface IInt8Metric
{
    static abstract float Sum(short* query, sbyte* code, int padded);

    static abstract Vector128<float> Sum4(short* query, sbyte* a, sbyte* b, sbyte* c, sbyte* d, int padded);
}

internal readonly unsafe struct Int8Squares : IInt8Metric
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(short* query, sbyte* code, int padded) => Int8Code.Squares(query, code, padded);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sum4(short* query, sbyte* a, sbyte* b, sbyte* c, sbyte* d, int padded) =>
        Vector128.ConvertToSingle(Int8Code.Squares4(query, a, b, c, d, padded).AsUInt32());
}

internal readonly unsafe struct Int8Products : IInt8Metric
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(short* query, sbyte* code, int padded) => Int8Code.Products(query, code, padded);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sum4(short* query, sbyte* a, sbyte* b, sbyte* c, sbyte* d, int padded) =>
        Vector128.ConvertToSingle(Int8Code.Products4(query, a, b, c, d, padded));
}
