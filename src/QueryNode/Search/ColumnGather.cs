using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.QueryNode.Segments;

namespace MiniMilvus.QueryNode.Search;

/// <summary>Fetches fields for the final rows of a read, whatever segments they lie in. A field that a segment is older than is null there.</summary>
internal static class ColumnGather
{
    public static ImmutableArray<Column> Fields(ImmutableArray<FieldId> fields, CollectionSchema schema, IReadOnlyList<(Segment Segment, int Row)> rows) =>
        [.. fields.Select(f => Field(f, schema, rows))];

    public static Column Field(FieldId id, CollectionSchema schema, IReadOnlyList<(Segment Segment, int Row)> rows)
    {
        if (id == FieldId.Timestamp)
        {
            return new ScalarColumn<long>(id, DataType.Int64, rows.Select(r => (long)r.Segment.TickOf(r.Row).Value).ToArray());
        }

        var field = schema.Find(id) ?? throw MiniMilvusException.Invalid(ErrorReason.FieldNotFound, $"collection {schema.Name}: expected one of its fields, found field {id}");
        return field.Type switch
        {
            DataType.Bool => Scalars<bool>(field, rows),
            DataType.Int8 or DataType.Int16 or DataType.Int32 => Scalars<int>(field, rows),
            DataType.Int64 => Scalars<long>(field, rows),
            DataType.Float => Scalars<float>(field, rows),
            DataType.Double => Scalars<double>(field, rows),
            DataType.VarChar or DataType.String => Texts(field, rows),
            DataType.Json => Documents(field, rows),
            DataType.FloatVector => Vectors(field, rows),
            _ => throw MiniMilvusException.Invalid(ErrorReason.NotSupported, $"field {field.Name}: no output of type {field.Type}"),
        };
    }

    private static ScalarColumn<T> Scalars<T>(FieldSchema field, IReadOnlyList<(Segment, int)> rows)
        where T : unmanaged
    {
        var values = new T[rows.Count];
        var valid = Walk(field, rows, (column, row, i) => values[i] = ((ScalarColumn<T>)column).Values.Span[row]);
        return new ScalarColumn<T>(field.Id, field.Type, values, valid);
    }

    private static StringColumn Texts(FieldSchema field, IReadOnlyList<(Segment, int)> rows)
    {
        var values = new string[rows.Count];
        Array.Fill(values, "");
        var valid = Walk(field, rows, (column, row, i) => values[i] = ((StringColumn)column).Values.Span[row]);
        return new StringColumn(field.Id, values, valid);
    }

    private static JsonColumn Documents(FieldSchema field, IReadOnlyList<(Segment, int)> rows)
    {
        var values = new ReadOnlyMemory<byte>[rows.Count];
        ReadOnlyMemory<byte> filler = field.IsDynamic ? "{}"u8.ToArray() : "null"u8.ToArray();
        Array.Fill(values, filler);
        var valid = Walk(field, rows, (column, row, i) => values[i] = ((JsonColumn)column).Values.Span[row]);
        // A row without undeclared keys has an empty document, not a null one.
        return new JsonColumn(field.Id, values, field.IsDynamic ? null : valid);
    }

    private static FloatVectorColumn Vectors(FieldSchema field, IReadOnlyList<(Segment, int)> rows)
    {
        var values = new float[rows.Count * field.Dim];
        var valid = Walk(field, rows, (column, row, i) => ((FloatVectorColumn)column).Row(row).CopyTo(values.AsSpan(i * field.Dim)));
        return valid is null
            ? new FloatVectorColumn(field.Id, field.Dim, values)
            : throw MiniMilvusException.Internal($"vector field {field.Name}: rows without a vector");
    }

    /// <returns>One flag a row, or null when every row has a value.</returns>
    private static bool[]? Walk(FieldSchema field, IReadOnlyList<(Segment Segment, int Row)> rows, Action<Column, int, int> copy)
    {
        bool[]? valid = null;
        for (var i = 0; i < rows.Count; i++)
        {
            var (segment, row) = rows[i];
            var run = segment.RunOf(row);
            var column = Find(run.Columns, field.Id);
            if (column is null || column.IsNull(row - run.FirstRow))
            {
                if (valid is null)
                {
                    valid = new bool[rows.Count];
                    Array.Fill(valid, true);
                }

                valid[i] = false;
            }
            else
            {
                copy(column, row - run.FirstRow, i);
            }
        }

        return valid;
    }

    private static Column? Find(ImmutableArray<Column> columns, FieldId field)
    {
        foreach (var column in columns)
        {
            if (column.Field == field)
            {
                return column;
            }
        }

        return null;
    }
}
