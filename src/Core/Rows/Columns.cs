using System.Collections.Immutable;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Core.Rows;

/// <summary>Columns and batches put together.</summary>
public static class Columns
{
    /// <summary>One column after the other. All have the same field and type.</summary>
    public static Column Concat(IReadOnlyList<Column> parts)
    {
        var count = parts.Sum(p => p.Count);
        var valid = Valid(parts, count);
        var (field, type) = (parts[0].Field, parts[0].Type);
        return parts[0] switch
        {
            ScalarColumn<bool> => new ScalarColumn<bool>(field, type, Join(parts, p => ((ScalarColumn<bool>)p).Values, count), valid),
            ScalarColumn<int> => new ScalarColumn<int>(field, type, Join(parts, p => ((ScalarColumn<int>)p).Values, count), valid),
            ScalarColumn<long> => new ScalarColumn<long>(field, type, Join(parts, p => ((ScalarColumn<long>)p).Values, count), valid),
            ScalarColumn<float> => new ScalarColumn<float>(field, type, Join(parts, p => ((ScalarColumn<float>)p).Values, count), valid),
            ScalarColumn<double> => new ScalarColumn<double>(field, type, Join(parts, p => ((ScalarColumn<double>)p).Values, count), valid),
            StringColumn => new StringColumn(field, Join(parts, p => ((StringColumn)p).Values, count), valid),
            JsonColumn => new JsonColumn(field, Join(parts, p => ((JsonColumn)p).Values, count), valid),
            FloatVectorColumn v => new FloatVectorColumn(field, v.Dim, Join(parts, p => ((FloatVectorColumn)p).Values, checked(count * v.Dim))),
            var other => throw MiniMilvusException.Internal($"field {field}: no assembly for {other.GetType().Name}"),
        };
    }

    /// <summary>Batches one after the other. All have the same fields.</summary>
    public static RowBatch Concat(IReadOnlyList<RowBatch> batches)
    {
        var first = batches[0];
        if (batches.Count == 1)
        {
            return first;
        }

        var columns = ImmutableArray.CreateBuilder<Column>(first.Columns.Length);
        foreach (var column in first.Columns)
        {
            columns.Add(Concat([.. batches.Select(b => Same(b, column, first))]));
        }

        return new RowBatch(first.PrimaryKeyColumn.Field, columns.MoveToImmutable());
    }

    private static Column Same(RowBatch batch, Column expected, RowBatch first) =>
        batch.Columns.Length == first.Columns.Length && batch.Find(expected.Field) is { } found && found.GetType() == expected.GetType()
            ? found
            : throw MiniMilvusException.Internal($"field {expected.Field}: expected {expected.GetType().Name} among {first.Columns.Length} columns in every batch");

    private static T[] Join<T>(IReadOnlyList<Column> parts, Func<Column, ReadOnlyMemory<T>> values, int count)
    {
        var joined = new T[count];
        var at = 0;
        foreach (var part in parts)
        {
            var from = values(part).Span;
            from.CopyTo(joined.AsSpan(at));
            at += from.Length;
        }

        return joined;
    }

    private static bool[]? Valid(IReadOnlyList<Column> parts, int count)
    {
        if (parts.All(p => p.Valid is null))
        {
            return null;
        }

        var valid = new bool[count];
        var at = 0;
        foreach (var part in parts)
        {
            var to = valid.AsSpan(at, part.Count);
            if (part.Valid is { } from)
            {
                from.CopyTo(to);
            }
            else
            {
                to.Fill(true);
            }

            at += part.Count;
        }

        return valid;
    }
}
