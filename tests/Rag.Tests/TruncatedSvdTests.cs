using MathNet.Numerics.LinearAlgebra.Double;
using MiniMilvus.Rag.Embedding;

namespace MiniMilvus.Rag.Tests;

public sealed class TruncatedSvdTests
{
    [Fact]
    public void Singular_values_and_vectors_agree_with_a_dense_decomposition()
    {
        var dense = Sample(rows: 40, columns: 25, seed: 7);
        var reference = DenseMatrix.OfRowArrays(dense).Svd();

        var svd = TruncatedSvd.Compute(Sparse(dense), columns: 25, rank: 8, powerIterations: 12);

        for (var k = 0; k < 8; k++)
        {
            Assert.Equal(reference.S[k], svd.Values[k], 1e-6 * reference.S[0]);
            var cosine = Math.Abs(DenseVector.OfArray(svd.Right[k]) * reference.VT.Row(k));
            Assert.True(cosine > 1 - 1e-6, $"direction {k} is off: |cos| = {cosine}");
        }
    }

    [Fact]
    public void A_matrix_of_low_rank_has_zero_for_the_rest()
    {
        double[][] dense = [[1, 2, 3], [2, 4, 6], [3, 6, 9], [0, 0, 0]];
        var svd = TruncatedSvd.Compute(Sparse(dense), columns: 3, rank: 3);
        Assert.Equal(14.0, svd.Values[0], 1e-6);
        Assert.Equal(0, svd.Values[1]);
        Assert.All(svd.Right[1], entry => Assert.Equal(0, entry));
    }

    [Fact]
    public void The_same_matrix_gives_the_same_bits_and_another_seed_the_same_space()
    {
        var rows = Sparse(Sample(rows: 30, columns: 20, seed: 3));
        var first = TruncatedSvd.Compute(rows, 20, 5);
        var second = TruncatedSvd.Compute(rows, 20, 5);
        var other = TruncatedSvd.Compute(rows, 20, 5, seed: 99, powerIterations: 12);
        Assert.Equal(first.Right, second.Right);
        Assert.Equal(first.Values[0], other.Values[0], 1e-6);
    }

    [Fact]
    public void Vectors_that_depend_on_earlier_ones_become_zero()
    {
        double[][] vectors = [[3, 4, 0], [6, 8, 0], [0, 0, 2]];
        DenseMath.Orthonormalise(vectors);
        Assert.Equal([0.0, 0.0, 0.0], vectors[1]);
        Assert.Equal([0.0, 0.0, 1.0], vectors[2]);
    }

    private static double[][] Sample(int rows, int columns, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows).Select(_ => Enumerable.Range(0, columns)
            .Select(c => random.NextDouble() < 0.4 ? (float)(random.NextDouble() * (1 + (c % 5))) : 0.0).ToArray())];
    }

    private static SparseRow[] Sparse(double[][] dense) => [.. dense.Select(row =>
    {
        var columns = Enumerable.Range(0, row.Length).Where(c => row[c] != 0).ToArray();
        return new SparseRow(columns, [.. columns.Select(c => (float)row[c])]);
    })];
}
