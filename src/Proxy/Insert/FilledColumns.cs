using System.Text;
using System.Text.Json;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Proxy.Insert;

/// <summary>Columns for what a request leaves out: nulls, default values, empty dynamic objects.</summary>
internal static class FilledColumns
{
    private static readonly ReadOnlyMemory<byte> EmptyObject = "{}"u8.ToArray();

    public static Column EmptyObjects(FieldSchema field, int rows) => new JsonColumn(field.Id, Repeat(EmptyObject, rows));

    public static Column Nulls(FieldSchema field, int rows) => Of(field, rows, new bool[rows], default, 0, 0, 0, 0, "", EmptyNull);

    public static Column Default(FieldSchema field, int rows)
    {
        using var document = JsonDocument.Parse(field.DefaultValueJson ?? throw MiniMilvusException.Internal($"field '{field.Name}' has no default value"));
        var value = document.RootElement;
        return field.Type switch
        {
            DataType.Bool => Of(field, rows, null, value.GetBoolean(), 0, 0, 0, 0, "", default),
            DataType.Int8 or DataType.Int16 or DataType.Int32 => Of(field, rows, null, false, value.GetInt32(), 0, 0, 0, "", default),
            DataType.Int64 => Of(field, rows, null, false, 0, value.GetInt64(), 0, 0, "", default),
            DataType.Float => Of(field, rows, null, false, 0, 0, value.GetSingle(), 0, "", default),
            DataType.Double => Of(field, rows, null, false, 0, 0, 0, value.GetDouble(), "", default),
            DataType.VarChar => Of(field, rows, null, false, 0, 0, 0, 0, value.GetString() ?? "", default),
            _ => Of(field, rows, null, false, 0, 0, 0, 0, "", Encoding.UTF8.GetBytes(field.DefaultValueJson)),
        };
    }

    /// <summary>The column with the field's default value wherever it is null.</summary>
    public static Column WithDefaults(FieldSchema field, Column column)
    {
        var valid = column.Valid ?? throw MiniMilvusException.Internal($"field '{field.Name}' has no nulls");
        return (column, Default(field, 1)) switch
        {
            (ScalarColumn<bool> c, ScalarColumn<bool> d) => new ScalarColumn<bool>(field.Id, field.Type, Merge(c.Values.Span, d.Values.Span[0], valid)),
            (ScalarColumn<int> c, ScalarColumn<int> d) => new ScalarColumn<int>(field.Id, field.Type, Merge(c.Values.Span, d.Values.Span[0], valid)),
            (ScalarColumn<long> c, ScalarColumn<long> d) => new ScalarColumn<long>(field.Id, field.Type, Merge(c.Values.Span, d.Values.Span[0], valid)),
            (ScalarColumn<float> c, ScalarColumn<float> d) => new ScalarColumn<float>(field.Id, field.Type, Merge(c.Values.Span, d.Values.Span[0], valid)),
            (ScalarColumn<double> c, ScalarColumn<double> d) => new ScalarColumn<double>(field.Id, field.Type, Merge(c.Values.Span, d.Values.Span[0], valid)),
            (StringColumn c, StringColumn d) => new StringColumn(field.Id, Merge(c.Values.Span, d.Values.Span[0], valid)),
            (JsonColumn c, JsonColumn d) => new JsonColumn(field.Id, Merge(c.Values.Span, d.Values.Span[0], valid)),
            _ => throw MiniMilvusException.Internal($"field '{field.Name}': a default value for type {field.Type}"),
        };
    }

    private static readonly ReadOnlyMemory<byte> EmptyNull = "null"u8.ToArray();

    private static Column Of(FieldSchema field, int rows, bool[]? valid, bool truth, int number, long big, float single, double real, string text, ReadOnlyMemory<byte> json) => field.Type switch
    {
        DataType.Bool => new ScalarColumn<bool>(field.Id, field.Type, Repeat(truth, rows), valid),
        DataType.Int8 or DataType.Int16 or DataType.Int32 => new ScalarColumn<int>(field.Id, field.Type, Repeat(number, rows), valid),
        DataType.Int64 => new ScalarColumn<long>(field.Id, field.Type, Repeat(big, rows), valid),
        DataType.Float => new ScalarColumn<float>(field.Id, field.Type, Repeat(single, rows), valid),
        DataType.Double => new ScalarColumn<double>(field.Id, field.Type, Repeat(real, rows), valid),
        DataType.VarChar => new StringColumn(field.Id, Repeat(text, rows), valid),
        DataType.Json => new JsonColumn(field.Id, Repeat(json, rows), valid),
        _ => throw MiniMilvusException.Internal($"field '{field.Name}': a filler for type {field.Type}"),
    };

    private static T[] Repeat<T>(T value, int rows)
    {
        var values = new T[rows];
        Array.Fill(values, value);
        return values;
    }

    private static T[] Merge<T>(ReadOnlySpan<T> values, T filler, bool[] valid)
    {
        var merged = values.ToArray();
        for (var row = 0; row < merged.Length; row++)
        {
            if (!valid[row])
            {
                merged[row] = filler;
            }
        }

        return merged;
    }
}
