using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MiniMilvus.Index.Distances;

/// <summary>A metric as a type, so that loops are compiled once per metric and no call in them is virtual.</summary>
internal interface IMetric
{
    /// <summary>True where a row's raw value must be multiplied by its inverse norm.</summary>
    static abstract bool UsesNorms { get; }

    /// <summary>The distance before norms are applied.</summary>
    static abstract float Raw(ref readonly float a, ref readonly float b, int dimension);

    /// <summary>The same to four rows at once, bit for bit.</summary>
    static abstract Vector128<float> Raw4(ref readonly float q, ref readonly float a, ref readonly float b, ref readonly float c, ref readonly float d, int dimension);
}

internal readonly struct L2Metric : IMetric
{
    public static bool UsesNorms => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Raw(ref readonly float a, ref readonly float b, int dimension) => L2Squared.Compute(in a, in b, dimension);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Raw4(ref readonly float q, ref readonly float a, ref readonly float b, ref readonly float c, ref readonly float d, int dimension) =>
        FourRows.L2(in q, in a, in b, in c, in d, dimension);
}

internal readonly struct InnerProductMetric : IMetric
{
    public static bool UsesNorms => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Raw(ref readonly float a, ref readonly float b, int dimension) => -InnerProduct.Compute(in a, in b, dimension);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Raw4(ref readonly float q, ref readonly float a, ref readonly float b, ref readonly float c, ref readonly float d, int dimension) =>
        -FourRows.Ip(in q, in a, in b, in c, in d, dimension);
}

internal readonly struct CosineMetric : IMetric
{
    public static bool UsesNorms => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Raw(ref readonly float a, ref readonly float b, int dimension) => -InnerProduct.Compute(in a, in b, dimension);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Raw4(ref readonly float q, ref readonly float a, ref readonly float b, ref readonly float c, ref readonly float d, int dimension) =>
        -FourRows.Ip(in q, in a, in b, in c, in d, dimension);
}
