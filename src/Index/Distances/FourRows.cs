using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MiniMilvus.Index.Distances;

/// <summary>
/// Distances from one vector to four rows at once: each value of the query is loaded once, and the four sums are folded together. The same
/// additions in the same order as <see cref="L2Squared"/> and <see cref="InnerProduct"/>, so the same bits. Where the registers or the
/// dimension do not fit, four single calls.
/// </summary>
internal static class FourRows
{
    private const int Block = 64;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Fits(int dimension) => Vector512.IsHardwareAccelerated && dimension % Block == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> L2(ref readonly float q, ref readonly float a, ref readonly float b, ref readonly float c, ref readonly float d, int n) => Fits(n)
        ? L2Blocks(in q, in a, in b, in c, in d, (nuint)n)
        : Vector128.Create(L2Squared.Compute(in q, in a, n), L2Squared.Compute(in q, in b, n), L2Squared.Compute(in q, in c, n), L2Squared.Compute(in q, in d, n));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Ip(ref readonly float q, ref readonly float a, ref readonly float b, ref readonly float c, ref readonly float d, int n) => Fits(n)
        ? IpBlocks(in q, in a, in b, in c, in d, (nuint)n)
        : Vector128.Create(InnerProduct.Compute(in q, in a, n), InnerProduct.Compute(in q, in b, n), InnerProduct.Compute(in q, in c, n), InnerProduct.Compute(in q, in d, n));

    private static Vector128<float> L2Blocks(ref readonly float q, ref readonly float a, ref readonly float b, ref readonly float c, ref readonly float d, nuint n)
    {
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        for (nuint i = 0; i < n; i += Block)
        {
            Vector512<float> x = Vector512.LoadUnsafe(in q, i);
            a0 = Square(x, in a, i, a0);
            b0 = Square(x, in b, i, b0);
            c0 = Square(x, in c, i, c0);
            d0 = Square(x, in d, i, d0);
            x = Vector512.LoadUnsafe(in q, i + 16);
            a1 = Square(x, in a, i + 16, a1);
            b1 = Square(x, in b, i + 16, b1);
            c1 = Square(x, in c, i + 16, c1);
            d1 = Square(x, in d, i + 16, d1);
            x = Vector512.LoadUnsafe(in q, i + 32);
            a2 = Square(x, in a, i + 32, a2);
            b2 = Square(x, in b, i + 32, b2);
            c2 = Square(x, in c, i + 32, c2);
            d2 = Square(x, in d, i + 32, d2);
            x = Vector512.LoadUnsafe(in q, i + 48);
            a3 = Square(x, in a, i + 48, a3);
            b3 = Square(x, in b, i + 48, b3);
            c3 = Square(x, in c, i + 48, c3);
            d3 = Square(x, in d, i + 48, d3);
        }

        return Lanes.Sum4(a0 + a1 + (a2 + a3), b0 + b1 + (b2 + b3), c0 + c1 + (c2 + c3), d0 + d1 + (d2 + d3));
    }

    private static Vector128<float> IpBlocks(ref readonly float q, ref readonly float a, ref readonly float b, ref readonly float c, ref readonly float d, nuint n)
    {
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        for (nuint i = 0; i < n; i += Block)
        {
            Vector512<float> x = Vector512.LoadUnsafe(in q, i);
            a0 = Product(x, in a, i, a0);
            b0 = Product(x, in b, i, b0);
            c0 = Product(x, in c, i, c0);
            d0 = Product(x, in d, i, d0);
            x = Vector512.LoadUnsafe(in q, i + 16);
            a1 = Product(x, in a, i + 16, a1);
            b1 = Product(x, in b, i + 16, b1);
            c1 = Product(x, in c, i + 16, c1);
            d1 = Product(x, in d, i + 16, d1);
            x = Vector512.LoadUnsafe(in q, i + 32);
            a2 = Product(x, in a, i + 32, a2);
            b2 = Product(x, in b, i + 32, b2);
            c2 = Product(x, in c, i + 32, c2);
            d2 = Product(x, in d, i + 32, d2);
            x = Vector512.LoadUnsafe(in q, i + 48);
            a3 = Product(x, in a, i + 48, a3);
            b3 = Product(x, in b, i + 48, b3);
            c3 = Product(x, in c, i + 48, c3);
            d3 = Product(x, in d, i + 48, d3);
        }

        return Lanes.Sum4(a0 + a1 + (a2 + a3), b0 + b1 + (b2 + b3), c0 + c1 + (c2 + c3), d0 + d1 + (d2 + d3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Square(Vector512<float> query, ref readonly float row, nuint at, Vector512<float> sum)
    {
        Vector512<float> difference = query - Vector512.LoadUnsafe(in row, at);
        return Vector512.MultiplyAddEstimate(difference, difference, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Product(Vector512<float> query, ref readonly float row, nuint at, Vector512<float> sum) =>
        Vector512.MultiplyAddEstimate(query, Vector512.LoadUnsafe(in row, at), sum);
}
