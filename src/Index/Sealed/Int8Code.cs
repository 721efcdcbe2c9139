using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Sealed;

/// <summary>
/// Vectors as signed bytes (scalar quantisation; Milvus: SQ8): value ≈ middle of its dimension + scale · code. One scale for all dimensions,
/// so a distance is a sum of integers, exact whatever the width of the registers. For cosine the normalised vectors are coded.
/// </summary>
internal sealed class Int8Code
{
    private const int CodeMax = 127;

    // Of a query for L2, in steps: keeps the sum of 32768 squares within 32 bits.
    private const int QueryMax = 230;

    // Of a query for products: keeps the sum of 32768 products within 31 bits.
    private const int FineMax = 500;

    public Int8Code(MetricType metric, float[] middles, float scale)
    {
        Metric = metric;
        Middles = middles;
        Scale = scale;
    }

    public MetricType Metric { get; }

    public float[] Middles { get; }

    public float Scale { get; }

    /// <summary>Takes each dimension's range from all rows; values that are not numbers count for nothing.</summary>
    public static Int8Code Train(VectorSource source, int rows)
    {
        int dimension = source.Space.Dimension;
        float[] low = new float[dimension], high = new float[dimension], vector = new float[dimension];
        Array.Fill(low, float.PositiveInfinity);
        Array.Fill(high, float.NegativeInfinity);
        for (int row = 0; row < rows; row++)
        {
            source.Space.Prepare(source.Row(row), vector);
            for (int i = 0; i < dimension; i++)
            {
                if (!float.IsFinite(vector[i])) continue;
                low[i] = Math.Min(low[i], vector[i]);
                high[i] = Math.Max(high[i], vector[i]);
            }
        }

        var middles = new float[dimension];
        float widest = 0;
        for (int i = 0; i < dimension; i++)
        {
            if (low[i] > high[i]) continue;
            middles[i] = (low[i] / 2) + (high[i] / 2);
            widest = Math.Max(widest, Math.Min(float.MaxValue, (high[i] / 2) - (low[i] / 2)));
        }

        return new Int8Code(source.Space.Metric, middles, widest / CodeMax);
    }

    /// <summary>Codes a vector; the space behind the dimension becomes zero.</summary>
    public void Encode(ReadOnlySpan<float> vector, Span<sbyte> code)
    {
        float norm = Metric == MetricType.Cosine ? InnerProduct.InverseNorm(vector) : 1;
        code.Clear();
        for (int i = 0; i < vector.Length; i++) code[i] = (sbyte)Steps((vector[i] * norm) - Middles[i], Scale, CodeMax);
    }

    /// <summary>
    /// Prepares a query. For L2 it is coded like a row; else it is coded in finer steps of its own and what the middles add is a constant.
    /// The distance to a row is then <c>Base + Factor · integer sum</c>.
    /// </summary>
    public (float Base, float Factor) Prepare(ReadOnlySpan<float> prepared, Span<short> query)
    {
        query.Clear();
        if (Metric == MetricType.L2)
        {
            for (int i = 0; i < prepared.Length; i++) query[i] = (short)Steps(prepared[i] - Middles[i], Scale, QueryMax);
            return (0, Scale * Scale);
        }

        float largest = 0, middles = 0;
        for (int i = 0; i < prepared.Length; i++)
        {
            if (float.IsFinite(prepared[i])) largest = Math.Max(largest, Math.Abs(prepared[i]));
            middles += prepared[i] * Middles[i];
        }

        float step = largest / FineMax;
        for (int i = 0; i < prepared.Length; i++) query[i] = (short)Steps(prepared[i], step, FineMax);
        return (-middles, -step * Scale);
    }

    /// <summary>Σ (q−c)², without a sign; both padded with zeros to a multiple of 32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe uint Squares(short* query, sbyte* code, int padded)
    {
        if (Avx512BW.IsSupported)
        {
            Vector512<int> sum = default;
            for (int i = 0; i < padded; i += 32)
            {
                Vector512<short> d = Avx512BW.Subtract(Vector512.Load(query + i), Avx512BW.ConvertToVector512Int16(Vector256.Load(code + i)));
                sum += Avx512BW.MultiplyAddAdjacent(d, d);
            }

            return (uint)Vector512.Sum(sum);
        }

        if (Avx2.IsSupported)
        {
            Vector256<int> sum = default;
            for (int i = 0; i < padded; i += 16)
            {
                Vector256<short> d = Avx2.Subtract(Vector256.Load(query + i), Avx2.ConvertToVector256Int16(Vector128.Load(code + i)));
                sum += Avx2.MultiplyAddAdjacent(d, d);
            }

            return (uint)Vector256.Sum(sum);
        }

        return SquaresScalar(query, code, padded);
    }

    /// <summary>Σ q·c.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe int Products(short* query, sbyte* code, int padded)
    {
        if (Avx512BW.IsSupported)
        {
            Vector512<int> sum = default;
            for (int i = 0; i < padded; i += 32)
                sum += Avx512BW.MultiplyAddAdjacent(Vector512.Load(query + i), Avx512BW.ConvertToVector512Int16(Vector256.Load(code + i)));
            return Vector512.Sum(sum);
        }

        if (Avx2.IsSupported)
        {
            Vector256<int> sum = default;
            for (int i = 0; i < padded; i += 16)
                sum += Avx2.MultiplyAddAdjacent(Vector256.Load(query + i), Avx2.ConvertToVector256Int16(Vector128.Load(code + i)));
            return Vector256.Sum(sum);
        }

        return ProductsScalar(query, code, padded);
    }

    /// <summary>Four sums at once; false where the registers are missing.</summary>
    public static bool HasFour => Avx512BW.IsSupported;

    /// <summary>As <see cref="Squares"/>, for four codes; each lane is to be read without a sign.</summary>
    public static unsafe Vector128<int> Squares4(short* query, sbyte* a, sbyte* b, sbyte* c, sbyte* d, int padded)
    {
        Vector512<int> sa = default, sb = default, sc = default, sd = default;
        for (int i = 0; i < padded; i += 32)
        {
            Vector512<short> q = Vector512.Load(query + i);
            Vector512<short> x = Avx512BW.Subtract(q, Avx512BW.ConvertToVector512Int16(Vector256.Load(a + i)));
            sa += Avx512BW.MultiplyAddAdjacent(x, x);
            x = Avx512BW.Subtract(q, Avx512BW.ConvertToVector512Int16(Vector256.Load(b + i)));
            sb += Avx512BW.MultiplyAddAdjacent(x, x);
            x = Avx512BW.Subtract(q, Avx512BW.ConvertToVector512Int16(Vector256.Load(c + i)));
            sc += Avx512BW.MultiplyAddAdjacent(x, x);
            x = Avx512BW.Subtract(q, Avx512BW.ConvertToVector512Int16(Vector256.Load(d + i)));
            sd += Avx512BW.MultiplyAddAdjacent(x, x);
        }

        return Lanes.Sum4(sa, sb, sc, sd);
    }

    /// <summary>As <see cref="Products"/>, for four codes.</summary>
    public static unsafe Vector128<int> Products4(short* query, sbyte* a, sbyte* b, sbyte* c, sbyte* d, int padded)
    {
        Vector512<int> sa = default, sb = default, sc = default, sd = default;
        for (int i = 0; i < padded; i += 32)
        {
            Vector512<short> q = Vector512.Load(query + i);
            sa += Avx512BW.MultiplyAddAdjacent(q, Avx512BW.ConvertToVector512Int16(Vector256.Load(a + i)));
            sb += Avx512BW.MultiplyAddAdjacent(q, Avx512BW.ConvertToVector512Int16(Vector256.Load(b + i)));
            sc += Avx512BW.MultiplyAddAdjacent(q, Avx512BW.ConvertToVector512Int16(Vector256.Load(c + i)));
            sd += Avx512BW.MultiplyAddAdjacent(q, Avx512BW.ConvertToVector512Int16(Vector256.Load(d + i)));
        }

        return Lanes.Sum4(sa, sb, sc, sd);
    }

    internal static unsafe uint SquaresScalar(short* query, sbyte* code, int padded)
    {
        uint sum = 0;
        for (int i = 0; i < padded; i++) sum += (uint)((query[i] - code[i]) * (query[i] - code[i]));
        return sum;
    }

    internal static unsafe int ProductsScalar(short* query, sbyte* code, int padded)
    {
        int sum = 0;
        for (int i = 0; i < padded; i++) sum += query[i] * code[i];
        return sum;
    }

    private static int Steps(float value, float step, int max)
    {
        if (!(step > 0) || float.IsNaN(value)) return 0;
        return (int)Math.Clamp(MathF.Round(value / step), -max, max);
    }
}
