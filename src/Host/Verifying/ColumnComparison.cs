using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using MiniMilvus.Core.Rows;

namespace MiniMilvus.Host.Verifying;

/// <summary>Values of two columns, bit for bit: NaN equals itself, 0 is not -0. What stands in the place of a null does not count.</summary>
internal static class ColumnComparison
{
    private const int ShownCharacters = 60;

    /// <summary>How many of the first <paramref name="count"/> rows are the same.</summary>
    /// <param name="at">The row of <paramref name="found"/> that the first of <paramref name="expected"/> is compared with.</param>
    public static int CountSame(Column expected, Column found, int at, int count)
    {
        if (expected.Valid is null && found.Valid is null && AreSame(expected, 0, found, at, count))
        {
            return count;
        }

        for (var row = 0; row < count; row++)
        {
            if (expected.IsNull(row) != found.IsNull(at + row) || (!expected.IsNull(row) && !AreSame(expected, row, found, at + row, 1)))
            {
                return row;
            }
        }

        return count;
    }

    /// <summary>Two values that differ, as texts in which that is seen.</summary>
    public static (string Expected, string Found) Describe(Column expected, int row, Column found, int at)
    {
        if (expected.Type != found.Type)
        {
            return ($"{expected.Type} {Text(expected, row)}", $"{found.Type} {Text(found, at)}");
        }

        if (expected is FloatVectorColumn left && found is FloatVectorColumn right && left.Dim == right.Dim)
        {
            var component = MemoryMarshal.Cast<float, int>(left.Row(row)).CommonPrefixLength(MemoryMarshal.Cast<float, int>(right.Row(at)));
            return (Number(left.Row(row)[component], component), Number(right.Row(at)[component], component));
        }

        var (a, b) = (Text(expected, row), Text(found, at));
        var from = Math.Max(0, a.AsSpan().CommonPrefixLength(b) - (ShownCharacters / 3));
        return (Excerpt(a, from), Excerpt(b, from));

        static string Number(float value, int component) => string.Create(CultureInfo.InvariantCulture, $"{value:R} in component {component}");
    }

    public static string Text(Column column, int row) => column.IsNull(row) ? "null" : column switch
    {
        ScalarColumn<bool> c => c.Values.Span[row] ? "true" : "false",
        ScalarColumn<int> c => c.Values.Span[row].ToString(CultureInfo.InvariantCulture),
        ScalarColumn<long> c => c.Values.Span[row].ToString(CultureInfo.InvariantCulture),
        ScalarColumn<float> c => c.Values.Span[row].ToString("R", CultureInfo.InvariantCulture),
        ScalarColumn<double> c => c.Values.Span[row].ToString("R", CultureInfo.InvariantCulture),
        StringColumn c => $"'{c.Values.Span[row]}'",
        JsonColumn c => Encoding.UTF8.GetString(c.Values.Span[row].Span),
        FloatVectorColumn c => string.Create(CultureInfo.InvariantCulture, $"a vector of {c.Dim}"),
        _ => $"a value of type {column.Type}",
    };

    private static string Excerpt(string text, int from) =>
        $"{(from > 0 ? "…" : "")}{text.AsSpan(from, Math.Min(ShownCharacters, text.Length - from))}{(text.Length - from > ShownCharacters ? "…" : "")}";

    private static bool AreSame(Column expected, int row, Column found, int at, int count) => expected.Type == found.Type && (expected, found) switch
    {
        (ScalarColumn<bool> a, ScalarColumn<bool> b) => Bytes(a.Values, row, count).SequenceEqual(Bytes(b.Values, at, count)),
        (ScalarColumn<int> a, ScalarColumn<int> b) => Bytes(a.Values, row, count).SequenceEqual(Bytes(b.Values, at, count)),
        (ScalarColumn<long> a, ScalarColumn<long> b) => Bytes(a.Values, row, count).SequenceEqual(Bytes(b.Values, at, count)),
        (ScalarColumn<float> a, ScalarColumn<float> b) => Bytes(a.Values, row, count).SequenceEqual(Bytes(b.Values, at, count)),
        (ScalarColumn<double> a, ScalarColumn<double> b) => Bytes(a.Values, row, count).SequenceEqual(Bytes(b.Values, at, count)),
        (FloatVectorColumn a, FloatVectorColumn b) =>
            a.Dim == b.Dim && Bytes(a.Values, row * a.Dim, count * a.Dim).SequenceEqual(Bytes(b.Values, at * b.Dim, count * b.Dim)),
        (StringColumn a, StringColumn b) => a.Values.Span.Slice(row, count).SequenceEqual(b.Values.Span.Slice(at, count)),
        (JsonColumn a, JsonColumn b) => AreSame(a.Values.Span.Slice(row, count), b.Values.Span.Slice(at, count)),
        _ => false,
    };

    private static ReadOnlySpan<byte> Bytes<T>(ReadOnlyMemory<T> values, int from, int count)
        where T : unmanaged => MemoryMarshal.AsBytes(values.Span.Slice(from, count));

    private static bool AreSame(ReadOnlySpan<ReadOnlyMemory<byte>> expected, ReadOnlySpan<ReadOnlyMemory<byte>> found)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            if (!expected[i].Span.SequenceEqual(found[i].Span))
            {
                return false;
            }
        }

        return true;
    }
}
