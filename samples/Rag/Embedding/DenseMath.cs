using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MiniMilvus.Rag.Embedding;

/// <summary>
/// The little dense algebra that the SVD needs. Sums run in four fixed lanes, whatever the processor offers, so results do not depend on the machine.
/// </summary>
internal static class DenseMath
{
    private const int SweepsMax = 60;

    public static double Dot(double[] a, double[] b)
    {
        var left = MemoryMarshal.Cast<double, Vector256<double>>(a.AsSpan());
        var right = MemoryMarshal.Cast<double, Vector256<double>>(b.AsSpan());
        var lanes = Vector256<double>.Zero;
        for (var i = 0; i < left.Length; i++)
        {
            lanes += left[i] * right[i];
        }
        var sum = lanes[0] + lanes[1] + lanes[2] + lanes[3];
        for (var i = left.Length * 4; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }
        return sum;
    }

    /// <summary>target += scale × vector.</summary>
    public static void AddScaled(double[] target, double[] vector, double scale)
    {
        var to = MemoryMarshal.Cast<double, Vector256<double>>(target.AsSpan());
        var from = MemoryMarshal.Cast<double, Vector256<double>>(vector.AsSpan());
        for (var i = 0; i < to.Length; i++)
        {
            to[i] += from[i] * scale;
        }
        for (var i = to.Length * 4; i < target.Length; i++)
        {
            target[i] += vector[i] * scale;
        }
    }

    /// <summary>Gram-Schmidt, twice for stability. A vector that depends on those before it becomes zero.</summary>
    public static void Orthonormalise(double[][] vectors)
    {
        for (var i = 0; i < vectors.Length; i++)
        {
            var before = Math.Sqrt(Dot(vectors[i], vectors[i]));
            for (var pass = 0; pass < 2; pass++)
            {
                for (var j = 0; j < i; j++)
                {
                    AddScaled(vectors[i], vectors[j], -Dot(vectors[i], vectors[j]));
                }
            }
            var norm = Math.Sqrt(Dot(vectors[i], vectors[i]));
            var scale = norm > 1e-12 * before && norm > 0 ? 1 / norm : 0;
            for (var n = 0; n < vectors[i].Length; n++)
            {
                vectors[i][n] *= scale;
            }
        }
    }

    /// <summary>Eigenvalues, falling, and eigenvectors of a symmetric matrix, by cyclic Jacobi rotations. The matrix is overwritten.</summary>
    public static (double[] Values, double[][] Vectors) SymmetricEigen(double[][] matrix)
    {
        var size = matrix.Length;
        // Row k of vectors is the k-th eigenvector, so a rotation touches two rows.
        var vectors = new double[size][];
        for (var i = 0; i < size; i++)
        {
            vectors[i] = new double[size];
            vectors[i][i] = 1;
        }
        for (var sweep = 0; sweep < SweepsMax && OffDiagonal(matrix) > 1e-24 * Trace(matrix); sweep++)
        {
            for (var p = 0; p < size - 1; p++)
            {
                for (var q = p + 1; q < size; q++)
                {
                    Rotate(matrix, vectors, p, q);
                }
            }
        }
        var order = Enumerable.Range(0, size).OrderByDescending(i => matrix[i][i]).ThenBy(i => i).ToArray();
        return ([.. order.Select(i => matrix[i][i])], [.. order.Select(i => vectors[i])]);
    }

    private static void Rotate(double[][] matrix, double[][] vectors, int p, int q)
    {
        var off = matrix[p][q];
        if (off == 0)
        {
            return;
        }
        var theta = (matrix[q][q] - matrix[p][p]) / (2 * off);
        var tangent = (theta >= 0 ? 1.0 : -1.0) / (Math.Abs(theta) + Math.Sqrt((theta * theta) + 1));
        var cosine = 1 / Math.Sqrt((tangent * tangent) + 1);
        var sine = tangent * cosine;
        for (var k = 0; k < matrix.Length; k++)
        {
            var (kp, kq) = (matrix[k][p], matrix[k][q]);
            matrix[k][p] = (cosine * kp) - (sine * kq);
            matrix[k][q] = (sine * kp) + (cosine * kq);
        }
        RotateRows(matrix[p], matrix[q], cosine, sine);
        RotateRows(vectors[p], vectors[q], cosine, sine);
    }

    private static void RotateRows(double[] p, double[] q, double cosine, double sine)
    {
        for (var k = 0; k < p.Length; k++)
        {
            var (pk, qk) = (p[k], q[k]);
            p[k] = (cosine * pk) - (sine * qk);
            q[k] = (sine * pk) + (cosine * qk);
        }
    }

    private static double OffDiagonal(double[][] matrix)
    {
        double sum = 0;
        for (var i = 0; i < matrix.Length; i++)
        {
            for (var j = 0; j < i; j++)
            {
                sum += matrix[i][j] * matrix[i][j];
            }
        }
        return sum;
    }

    private static double Trace(double[][] matrix)
    {
        double sum = 0;
        for (var i = 0; i < matrix.Length; i++)
        {
            sum += matrix[i][i] * matrix[i][i];
        }
        return sum;
    }
}
