using System.Collections.Immutable;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;

namespace MiniMilvus.Proxy.Reading;

/// <summary>A row of one of several results.</summary>
internal readonly record struct RowPick(int Source, int Row);

/// <summary>Builds a column from rows of several columns of the same field.</summary>
internal static class ColumnGather
{
    public static Column Pick(ImmutableArray<Column> sources, IReadOnlyList<RowPick> picks)
    {
        var first = sources[0];
        if (sources.Length == 1)
        {
            return IsWhole(first, picks) ? first : first.Take(picks.Select(p => p.Row).ToArray());
        }

        var valid = sources.Any(s => s.Valid is not null) ? picks.Select(p => !sources[p.Source].IsNull(p.Row)).ToArray() : null;
        return first switch
        {
            ScalarColumn<bool> => new ScalarColumn<bool>(first.Field, first.Type, Values<bool>(sources, picks), valid),
            ScalarColumn<int> => new ScalarColumn<int>(first.Field, first.Type, Values<int>(sources, picks), valid),
            ScalarColumn<long> => new ScalarColumn<long>(first.Field, first.Type, Values<long>(sources, picks), valid),
            ScalarColumn<float> => new ScalarColumn<float>(first.Field, first.Type, Values<float>(sources, picks), valid),
            ScalarColumn<double> => new ScalarColumn<double>(first.Field, first.Type, Values<double>(sources, picks), valid),
            StringColumn => new StringColumn(first.Field, picks.Select(p => ((StringColumn)sources[p.Source]).Values.Span[p.Row]).ToArray(), valid),
            JsonColumn => new JsonColumn(first.Field, picks.Select(p => ((JsonColumn)sources[p.Source]).Values.Span[p.Row]).ToArray(), valid),
            FloatVectorColumn vectors => Vectors(vectors, sources, picks),
            _ => throw MiniMilvusException.Internal($"a column of type {first.GetType().Name} in a result"),
        };
    }

    private static bool IsWhole(Column column, IReadOnlyList<RowPick> picks)
    {
        if (column.Count != picks.Count)
        {
            return false;
        }

        for (var i = 0; i < picks.Count; i++)
        {
            if (picks[i].Row != i)
            {
                return false;
            }
        }

        return true;
    }

    private static T[] Values<T>(ImmutableArray<Column> sources, IReadOnlyList<RowPick> picks)
        where T : unmanaged => picks.Select(p => ((ScalarColumn<T>)sources[p.Source]).Values.Span[p.Row]).ToArray();

    private static FloatVectorColumn Vectors(FloatVectorColumn first, ImmutableArray<Column> sources, IReadOnlyList<RowPick> picks)
    {
        var values = new float[picks.Count * first.Dim];
        for (var i = 0; i < picks.Count; i++)
        {
            ((FloatVectorColumn)sources[picks[i].Source]).Row(picks[i].Row).CopyTo(values.AsSpan(i * first.Dim));
        }

        return new FloatVectorColumn(first.Field, first.Dim, values);
    }
}
