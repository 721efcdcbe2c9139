using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Distances;

namespace MiniMilvus.Index.Tests;

public sealed class KernelTests
{
    public static TheoryData<int> Dimensions => [.. Enumerable.Range(1, 70), 96, 127, 128, 129, 255, 768, 1000, 1536];

    [Theory, MemberData(nameof(Dimensions))]
    public void Every_width_agrees_with_the_scalar_kernel_at_every_alignment(int n)
    {
        for (int offset = 0; offset < 5; offset++)
        {
            // What lies beside the vectors is not a number: a lane too many, and the result is none either.
            var a = Enumerable.Repeat(float.NaN, n + 40).ToArray();
            var b = Enumerable.Repeat(float.NaN, n + 40).ToArray();
            Data.Uniform(n, 1, n).CopyTo(a, 16 + offset);
            Data.Uniform(n + 1000, 1, n).CopyTo(b, 20 - offset);
            ref float x = ref a[16 + offset], y = ref b[20 - offset];
            float ip = InnerProduct.ComputeScalar(in x, in y, n), l2 = L2Squared.ComputeScalar(in x, in y, n);
            float tolerance = 1e-5f * (n + 1);

            Assert.Equal(ip, InnerProduct.Compute(a.AsSpan(16 + offset, n), b.AsSpan(20 - offset, n)), tolerance);
            Assert.Equal(l2, L2Squared.Compute(a.AsSpan(16 + offset, n), b.AsSpan(20 - offset, n)), tolerance);
            if (n >= 4)
            {
                Assert.Equal(ip, InnerProduct.Compute128(in x, in y, n), tolerance);
                Assert.Equal(l2, L2Squared.Compute128(in x, in y, n), tolerance);
            }

            if (n >= 8)
            {
                Assert.Equal(ip, InnerProduct.Compute256(in x, in y, n), tolerance);
                Assert.Equal(l2, L2Squared.Compute256(in x, in y, n), tolerance);
            }

            if (n >= 16)
            {
                Assert.Equal(ip, InnerProduct.Compute512(in x, in y, n), tolerance);
                Assert.Equal(l2, L2Squared.Compute512(in x, in y, n), tolerance);
            }
        }
    }

    [Fact]
    public void The_distance_of_a_vector_to_itself_is_exactly_zero()
    {
        for (int n = 1; n < 100; n++)
        {
            float[] v = Data.Uniform(n, 1, n);
            Assert.Equal(0f, L2Squared.Compute(v, v));
        }
    }

    [Fact]
    public void Vectors_of_different_lengths_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => InnerProduct.Compute(new float[3], new float[4]));
        Assert.Throws<ArgumentOutOfRangeException>(() => L2Squared.Compute(new float[4], new float[3]));
    }

    [Fact]
    public void Scores_are_what_Milvus_reports_and_distances_order_them()
    {
        float[] a = [3, 4], b = [4, 3], zero = [0, 0];
        var l2 = new VectorSpace(MetricType.L2, 2);
        var ip = new VectorSpace(MetricType.IP, 2);
        var cosine = new VectorSpace(MetricType.Cosine, 2);

        Assert.Equal(2f, l2.Score(l2.Distance(a, b)));
        Assert.Equal(24f, ip.Score(ip.Distance(a, b)));
        Assert.Equal(0.96f, cosine.Score(cosine.Distance(a, b)), 6);
        Assert.Equal(0f, cosine.Score(cosine.Distance(a, zero)));
        Assert.True(ip.Distance(a, a) < ip.Distance(a, b));
        Assert.True(cosine.LargerScoreIsBetter && ip.LargerScoreIsBetter && !l2.LargerScoreIsBetter);
        Assert.Equal(-24f, ip.DistanceOfScore(24f));
    }

    [Fact]
    public void A_space_with_a_bad_dimension_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new VectorSpace(MetricType.L2, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new VectorSpace(MetricType.L2, VectorSpace.DimensionMax + 1));
    }
}
