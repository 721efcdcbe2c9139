namespace MiniMilvus.Rag.Embedding;

/// <summary>
/// The leading right singular vectors of a sparse matrix, by randomised subspace iteration (Halko, Martinsson and Tropp, 2011).
/// The start is a seeded random matrix and every sum has a fixed order, so the same matrix gives the same bits.
/// </summary>
internal static class TruncatedSvd
{
    /// <summary>The k singular values, falling, and for each its right singular vector (one entry per column; its largest entry is positive).</summary>
    internal sealed record Result(double[] Values, double[][] Right);

    public static Result Compute(IReadOnlyList<SparseRow> rows, int columns, int rank, ulong seed = 1, int powerIterations = 4, int oversampling = 12)
    {
        var width = Math.Min(rank + oversampling, Math.Min(rows.Count, columns));
        rank = Math.Min(rank, width);
        if (rank == 0)
        {
            return new Result([], []);
        }
        var basis = Multiply(rows, RandomVectors(columns, width, seed));
        DenseMath.Orthonormalise(basis);
        for (var i = 0; i < powerIterations; i++)
        {
            var right = MultiplyTransposed(rows, columns, basis);
            DenseMath.Orthonormalise(right);
            basis = Multiply(rows, right);
            DenseMath.Orthonormalise(basis);
        }
        // B = Qᵀ A has the leading singular values of A; its small Gram matrix gives them.
        var projected = MultiplyTransposed(rows, columns, basis);
        var gram = new double[width][];
        for (var i = 0; i < width; i++)
        {
            gram[i] = new double[width];
            for (var j = 0; j <= i; j++)
            {
                gram[i][j] = gram[j][i] = DenseMath.Dot(projected[i], projected[j]);
            }
        }
        var (eigenvalues, eigenvectors) = DenseMath.SymmetricEigen(gram);
        var values = new double[rank];
        var vectors = new double[rank][];
        for (var k = 0; k < rank; k++)
        {
            values[k] = Math.Sqrt(Math.Max(0, eigenvalues[k]));
            vectors[k] = new double[columns];
            if (values[k] <= 1e-10 * values[0])
            {
                values[k] = 0;
                continue;
            }
            for (var i = 0; i < width; i++)
            {
                DenseMath.AddScaled(vectors[k], projected[i], eigenvectors[k][i] / values[k]);
            }
            FixSign(vectors[k]);
        }
        return new Result(values, vectors);
    }

    private static double[][] Multiply(IReadOnlyList<SparseRow> rows, double[][] vectors)
    {
        var result = new double[vectors.Length][];
        for (var c = 0; c < vectors.Length; c++)
        {
            var from = vectors[c];
            var to = result[c] = new double[rows.Count];
            for (var r = 0; r < rows.Count; r++)
            {
                var (columns, values) = rows[r];
                double sum = 0;
                for (var i = 0; i < columns.Length; i++)
                {
                    sum += values[i] * from[columns[i]];
                }
                to[r] = sum;
            }
        }
        return result;
    }

    private static double[][] MultiplyTransposed(IReadOnlyList<SparseRow> rows, int columnCount, double[][] vectors)
    {
        var result = new double[vectors.Length][];
        for (var c = 0; c < vectors.Length; c++)
        {
            var from = vectors[c];
            var to = result[c] = new double[columnCount];
            for (var r = 0; r < rows.Count; r++)
            {
                var (columns, values) = rows[r];
                for (var i = 0; i < columns.Length; i++)
                {
                    to[columns[i]] += values[i] * from[r];
                }
            }
        }
        return result;
    }

    private static double[][] RandomVectors(int length, int count, ulong seed)
    {
        var state = seed;
        var result = new double[count][];
        for (var c = 0; c < count; c++)
        {
            result[c] = new double[length];
            for (var i = 0; i < length; i++)
            {
                state += 0x9E3779B97F4A7C15UL;
                var mixed = state;
                mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9UL;
                mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBUL;
                result[c][i] = ((long)(mixed ^ (mixed >> 31)) >> 11) * (1.0 / (1L << 52));
            }
        }
        return result;
    }

    private static void FixSign(double[] vector)
    {
        var largest = 0;
        for (var i = 1; i < vector.Length; i++)
        {
            if (Math.Abs(vector[i]) > Math.Abs(vector[largest]))
            {
                largest = i;
            }
        }
        if (vector[largest] < 0)
        {
            for (var i = 0; i < vector.Length; i++)
            {
                vector[i] = -vector[i];
            }
        }
    }
}
