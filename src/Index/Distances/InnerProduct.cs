using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MiniMilvus.Index.Distances;

/// <summary>
/// Inner product of two float vectors. One kernel per register width and a scalar reference that defines what they mean;
/// they differ only in the order of additions, so in the last bits. The width is chosen by the machine and the dimension alone,
/// which makes a score independent of the path (scan or graph) that computed it.
/// </summary>
public static class InnerProduct
{
    /// <summary>Computes Σ a[i]·b[i]. The spans must have the same length.</summary>
    public static float Compute(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(b.Length, a.Length);
        return Compute(in MemoryMarshal.GetReference(a), in MemoryMarshal.GetReference(b), a.Length);
    }

    /// <summary>The inverse of the Euclidean norm, or 0 for the zero vector (whose cosine with anything is 0).</summary>
    public static float InverseNorm(ReadOnlySpan<float> vector)
    {
        float squared = Compute(vector, vector);
        return squared > 0f ? 1f / MathF.Sqrt(squared) : 0f;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Compute(ref readonly float a, ref readonly float b, int length)
    {
        if (Vector512.IsHardwareAccelerated && length >= Vector512<float>.Count) return Compute512(in a, in b, length);
        if (Vector256.IsHardwareAccelerated && length >= Vector256<float>.Count) return Compute256(in a, in b, length);
        if (Vector128.IsHardwareAccelerated && length >= Vector128<float>.Count) return Compute128(in a, in b, length);
        return ComputeScalar(in a, in b, length);
    }

    internal static float ComputeScalar(ref readonly float a, ref readonly float b, int length)
    {
        float sum = 0f;
        for (int i = 0; i < length; i++)
            sum += Unsafe.Add(ref Unsafe.AsRef(in a), i) * Unsafe.Add(ref Unsafe.AsRef(in b), i);
        return sum;
    }

    internal static float Compute512(ref readonly float a, ref readonly float b, int length)
    {
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        nuint i = 0, n = (nuint)length;
        for (; i + 64 <= n; i += 64)
        {
            s0 = Vector512.MultiplyAddEstimate(Vector512.LoadUnsafe(in a, i), Vector512.LoadUnsafe(in b, i), s0);
            s1 = Vector512.MultiplyAddEstimate(Vector512.LoadUnsafe(in a, i + 16), Vector512.LoadUnsafe(in b, i + 16), s1);
            s2 = Vector512.MultiplyAddEstimate(Vector512.LoadUnsafe(in a, i + 32), Vector512.LoadUnsafe(in b, i + 32), s2);
            s3 = Vector512.MultiplyAddEstimate(Vector512.LoadUnsafe(in a, i + 48), Vector512.LoadUnsafe(in b, i + 48), s3);
        }

        for (; i + 16 <= n; i += 16)
            s0 = Vector512.MultiplyAddEstimate(Vector512.LoadUnsafe(in a, i), Vector512.LoadUnsafe(in b, i), s0);
        if (i < n)
        {
            // The last register overlaps what is already counted; those lanes are masked to zero.
            var fresh = Vector512.GreaterThanOrEqual(Vector512<int>.Indices, Vector512.Create((int)(16 - (n - i)))).AsSingle();
            s1 = Vector512.MultiplyAddEstimate(Vector512.LoadUnsafe(in a, n - 16) & fresh, Vector512.LoadUnsafe(in b, n - 16) & fresh, s1);
        }

        return Lanes.Sum(s0 + s1 + (s2 + s3));
    }

    internal static float Compute256(ref readonly float a, ref readonly float b, int length)
    {
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
        nuint i = 0, n = (nuint)length;
        for (; i + 32 <= n; i += 32)
        {
            s0 = Vector256.MultiplyAddEstimate(Vector256.LoadUnsafe(in a, i), Vector256.LoadUnsafe(in b, i), s0);
            s1 = Vector256.MultiplyAddEstimate(Vector256.LoadUnsafe(in a, i + 8), Vector256.LoadUnsafe(in b, i + 8), s1);
            s2 = Vector256.MultiplyAddEstimate(Vector256.LoadUnsafe(in a, i + 16), Vector256.LoadUnsafe(in b, i + 16), s2);
            s3 = Vector256.MultiplyAddEstimate(Vector256.LoadUnsafe(in a, i + 24), Vector256.LoadUnsafe(in b, i + 24), s3);
        }

        for (; i + 8 <= n; i += 8)
            s0 = Vector256.MultiplyAddEstimate(Vector256.LoadUnsafe(in a, i), Vector256.LoadUnsafe(in b, i), s0);
        if (i < n)
        {
            var fresh = Vector256.GreaterThanOrEqual(Vector256<int>.Indices, Vector256.Create((int)(8 - (n - i)))).AsSingle();
            s1 = Vector256.MultiplyAddEstimate(Vector256.LoadUnsafe(in a, n - 8) & fresh, Vector256.LoadUnsafe(in b, n - 8) & fresh, s1);
        }

        return Lanes.Sum(s0 + s1 + (s2 + s3));
    }

    internal static float Compute128(ref readonly float a, ref readonly float b, int length)
    {
        Vector128<float> s0 = default, s1 = default;
        nuint i = 0, n = (nuint)length;
        for (; i + 8 <= n; i += 8)
        {
            s0 = Vector128.MultiplyAddEstimate(Vector128.LoadUnsafe(in a, i), Vector128.LoadUnsafe(in b, i), s0);
            s1 = Vector128.MultiplyAddEstimate(Vector128.LoadUnsafe(in a, i + 4), Vector128.LoadUnsafe(in b, i + 4), s1);
        }

        for (; i + 4 <= n; i += 4)
            s0 = Vector128.MultiplyAddEstimate(Vector128.LoadUnsafe(in a, i), Vector128.LoadUnsafe(in b, i), s0);
        if (i < n)
        {
            var fresh = Vector128.GreaterThanOrEqual(Vector128<int>.Indices, Vector128.Create((int)(4 - (n - i)))).AsSingle();
            s1 = Vector128.MultiplyAddEstimate(Vector128.LoadUnsafe(in a, n - 4) & fresh, Vector128.LoadUnsafe(in b, n - 4) & fresh, s1);
        }

        return Lanes.Sum(s0 + s1);
    }
}
