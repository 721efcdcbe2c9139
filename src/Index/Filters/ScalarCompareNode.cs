using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using MiniMilvus.Core.Expressions;
using MiniMilvus.Core.Rows;

namespace MiniMilvus.Index.Filters;

/// <summary>A numeric column against a constant of its type: 256 bits at a time, one bit a row out.</summary>
internal sealed class ScalarCompareNode<T>(Core.FieldId field, CompareOperator op, T constant, bool isNegated) : PredicateNode
    where T : unmanaged, INumber<T>
{
    public override void Evaluate(in ColumnBatch batch, Span<ulong> into)
    {
        if (batch.Find(field) is not ScalarColumn<T> column)
        {
            into.Clear();
            return;
        }

        ReadOnlySpan<T> values = column.Values.Span[..batch.Rows];
        bool isInverted = isNegated;
        switch (op)
        {
            case CompareOperator.Equal: Run<IsEqual>(values, into); break;
            case CompareOperator.NotEqual: Run<IsEqual>(values, into); isInverted = !isNegated; break;
            case CompareOperator.Less: Run<IsLess>(values, into); break;
            case CompareOperator.LessOrEqual: Run<IsLessOrEqual>(values, into); break;
            case CompareOperator.Greater: Run<IsGreater>(values, into); break;
            default: Run<IsGreaterOrEqual>(values, into); break;
        }

        Finish(into, batch.Rows, isInverted, column.Valid);
    }

    private void Run<TTest>(ReadOnlySpan<T> values, Span<ulong> into) where TTest : struct, ITest
    {
        ref T origin = ref MemoryMarshal.GetReference(values);
        Vector256<T> wanted = Vector256.Create(constant);
        int lanes = Vector256<T>.Count;
        for (int word = 0; word < into.Length; word++)
        {
            int first = word << 6, end = Math.Min(values.Length, first + 64), row = first;
            ulong bits = 0;
            for (; row <= end - lanes; row += lanes)
            {
                Vector256<T> lane = Vector256.LoadUnsafe(ref Unsafe.Add(ref origin, row));
                bits |= (ulong)TTest.Test(lane, wanted).ExtractMostSignificantBits() << (row - first);
            }

            for (; row < end; row++)
            {
                if (TTest.Test(values[row], constant)) bits |= 1UL << (row - first);
            }

            into[word] = bits;
        }
    }

    private interface ITest
    {
        static abstract Vector256<T> Test(Vector256<T> a, Vector256<T> b);

        static abstract bool Test(T a, T b);
    }

    private readonly struct IsEqual : ITest
    {
        public static Vector256<T> Test(Vector256<T> a, Vector256<T> b) => Vector256.Equals(a, b);
        public static bool Test(T a, T b) => a == b;
    }

    private readonly struct IsLess : ITest
    {
        public static Vector256<T> Test(Vector256<T> a, Vector256<T> b) => Vector256.LessThan(a, b);
        public static bool Test(T a, T b) => a < b;
    }

    private readonly struct IsLessOrEqual : ITest
    {
        public static Vector256<T> Test(Vector256<T> a, Vector256<T> b) => Vector256.LessThanOrEqual(a, b);
        public static bool Test(T a, T b) => a <= b;
    }

    private readonly struct IsGreater : ITest
    {
        public static Vector256<T> Test(Vector256<T> a, Vector256<T> b) => Vector256.GreaterThan(a, b);
        public static bool Test(T a, T b) => a > b;
    }

    private readonly struct IsGreaterOrEqual : ITest
    {
        public static Vector256<T> Test(Vector256<T> a, Vector256<T> b) => Vector256.GreaterThanOrEqual(a, b);
        public static bool Test(T a, T b) => a >= b;
    }
}
