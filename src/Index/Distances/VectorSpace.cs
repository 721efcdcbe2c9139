using System.Runtime.CompilerServices;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Index.Distances;

/// <summary>
/// A metric and a dimension. Inside this project every metric is a <em>distance</em>, smaller is closer: L2 squared as it is,
/// inner product and cosine negated. <see cref="Score"/> turns a distance into what Milvus reports. Negation is exact, so no
/// precision is lost and the order of scores is the order of distances.
/// </summary>
public readonly record struct VectorSpace
{
    /// <summary>The largest dimension that Milvus accepts for a float vector.</summary>
    public const int DimensionMax = 32768;

    /// <summary>Creates a space; the dimension must lie in 1..<see cref="DimensionMax"/>.</summary>
    public VectorSpace(MetricType metric, int dimension)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimension, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(dimension, DimensionMax);
        if (metric is not (MetricType.L2 or MetricType.IP or MetricType.Cosine))
            throw new ArgumentOutOfRangeException(nameof(metric), metric, "expected L2, IP or Cosine");
        Metric = metric;
        Dimension = dimension;
    }

    /// <summary>The metric.</summary>
    public MetricType Metric { get; }

    /// <summary>Floats in a vector.</summary>
    public int Dimension { get; }

    /// <summary>True where a larger reported score is better (IP, COSINE); false for L2.</summary>
    public bool LargerScoreIsBetter => Metric != MetricType.L2;

    /// <summary>The internal distance (smaller is closer) of two raw vectors. The slow, general way: norms are computed on the spot.</summary>
    public float Distance(ReadOnlySpan<float> a, ReadOnlySpan<float> b) => Metric switch
    {
        MetricType.L2 => L2Squared.Compute(a, b),
        MetricType.IP => -InnerProduct.Compute(a, b),
        _ => -(InnerProduct.Compute(a, b) * InnerProduct.InverseNorm(a) * InnerProduct.InverseNorm(b)),
    };

    /// <summary>What Milvus reports for an internal distance: L2 squared, inner product or cosine.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Score(float distance) => Metric == MetricType.L2 ? distance : 0f - distance;

    /// <summary>The internal distance behind a reported score: the inverse of <see cref="Score"/>, for radii given by callers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float DistanceOfScore(float score) => Metric == MetricType.L2 ? score : 0f - score;

    /// <summary>Copies a query into <paramref name="prepared"/>, normalised where the metric is cosine.</summary>
    public void Prepare(ReadOnlySpan<float> query, Span<float> prepared)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(query.Length, Dimension);
        if (Metric != MetricType.Cosine)
        {
            query.CopyTo(prepared);
            return;
        }

        float scale = InnerProduct.InverseNorm(query);
        for (int i = 0; i < query.Length; i++) prepared[i] = query[i] * scale;
    }
}
