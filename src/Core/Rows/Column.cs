using MiniMilvus.Core.Schema;

namespace MiniMilvus.Core.Rows;

/// <summary>
/// The values of one field for a run of rows. Immutable once built: an unflushed row's columns are shared by reference
/// between the tail buffer, the growing segment and the write buffer (architecture decision 11).
/// </summary>
public abstract class Column(FieldId field, DataType type, int count, bool[]? valid)
{
    public FieldId Field { get; } = field;
    public DataType Type { get; } = type;
    /// <summary>Rows, nulls included.</summary>
    public int Count { get; } = count;
    /// <summary>One flag a row, false = null; or null when every row has a value. Values of null rows are fillers.</summary>
    public bool[]? Valid { get; } = valid;

    public bool IsNull(int row) => Valid is not null && !Valid[row];

    /// <summary>About how many bytes the values take in memory.</summary>
    public abstract long Bytes { get; }

    /// <summary>A new column with the given rows, in the given order (copies).</summary>
    public abstract Column Take(ReadOnlySpan<int> rows);

    private protected bool[]? TakeValid(ReadOnlySpan<int> rows)
    {
        if (Valid is null)
        {
            return null;
        }

        var taken = new bool[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            taken[i] = Valid[rows[i]];
        }

        return taken;
    }
}

/// <summary>Bool, Int8/16/32 (as int), Int64, Float, Double.</summary>
public sealed class ScalarColumn<T>(FieldId field, DataType type, ReadOnlyMemory<T> values, bool[]? valid = null)
    : Column(field, type, values.Length, valid)
    where T : unmanaged
{
    public ReadOnlyMemory<T> Values { get; } = values;
    public override long Bytes => (long)Values.Length * System.Runtime.CompilerServices.Unsafe.SizeOf<T>();

    public override Column Take(ReadOnlySpan<int> rows)
    {
        var from = Values.Span;
        var to = new T[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            to[i] = from[rows[i]];
        }

        return new ScalarColumn<T>(Field, Type, to, TakeValid(rows));
    }
}

/// <summary>VarChar.</summary>
public sealed class StringColumn(FieldId field, ReadOnlyMemory<string> values, bool[]? valid = null)
    : Column(field, DataType.VarChar, values.Length, valid)
{
    public ReadOnlyMemory<string> Values { get; } = values;

    public override long Bytes
    {
        get
        {
            long sum = 0;
            foreach (var value in Values.Span)
            {
                sum += 24 + (2L * value.Length);
            }

            return sum;
        }
    }

    public override Column Take(ReadOnlySpan<int> rows)
    {
        var from = Values.Span;
        var to = new string[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            to[i] = from[rows[i]];
        }

        return new StringColumn(Field, to, TakeValid(rows));
    }
}

/// <summary>JSON, one UTF-8 document a row; also the dynamic column <c>$meta</c>.</summary>
public sealed class JsonColumn(FieldId field, ReadOnlyMemory<ReadOnlyMemory<byte>> values, bool[]? valid = null)
    : Column(field, DataType.Json, values.Length, valid)
{
    public ReadOnlyMemory<ReadOnlyMemory<byte>> Values { get; } = values;

    public override long Bytes
    {
        get
        {
            long sum = 0;
            foreach (var value in Values.Span)
            {
                sum += 24 + value.Length;
            }

            return sum;
        }
    }

    public override Column Take(ReadOnlySpan<int> rows)
    {
        var from = Values.Span;
        var to = new ReadOnlyMemory<byte>[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            to[i] = from[rows[i]];
        }

        return new JsonColumn(Field, to, TakeValid(rows));
    }
}

/// <summary>FloatVector: <c>Count × Dim</c> floats, row after row; may be a view over a log message's payload.</summary>
public sealed class FloatVectorColumn(FieldId field, int dim, ReadOnlyMemory<float> values)
    : Column(field, DataType.FloatVector, values.Length / dim, null)
{
    public int Dim { get; } = dim;
    public ReadOnlyMemory<float> Values { get; } = values;
    public override long Bytes => 4L * Values.Length;

    public ReadOnlySpan<float> Row(int row) => Values.Span.Slice(row * Dim, Dim);

    public override Column Take(ReadOnlySpan<int> rows)
    {
        var from = Values.Span;
        var to = new float[rows.Length * Dim];
        for (var i = 0; i < rows.Length; i++)
        {
            from.Slice(rows[i] * Dim, Dim).CopyTo(to.AsSpan(i * Dim));
        }

        return new FloatVectorColumn(Field, Dim, to);
    }
}
