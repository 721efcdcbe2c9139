using System.Collections.Immutable;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Expressions;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Rows;
using MiniMilvus.QueryNode.Sealed;
using MiniMilvus.QueryNode.Segments;

namespace MiniMilvus.QueryNode.Search;

/// <summary>
/// A scalar query over the segments of a read: rows in key order, each key once (the newest row), then offset and limit. Filters that name
/// their keys look rows up; a sealed segment gives its rows in key order and stops when it has enough.
/// </summary>
internal sealed class Retriever(ReadView view, RetrieveRequest request, int rowsMax)
{
    public RetrieveResult Run()
    {
        var keys = FilterExpression.TryGetPrimaryKeys(view.Filter, view.Schema);
        if (request.CountOnly)
        {
            var count = keys is { } named ? LookUp(named).Count : view.Cut().Sum(c => (long)c.Count);
            return new RetrieveResult([], count, view.At);
        }

        // The newest row of a key may lie in any segment, so offset and limit come after all are merged.
        var end = request.Limit is { } limit ? Math.Min(request.Offset + limit, rowsMax) : (long)rowsMax + 1;
        var found = keys is { } some ? LookUp(some) : Scan(end);
        if (found.Count > rowsMax)
        {
            throw MiniMilvusException.Invalid(ErrorReason.CapacityExceeded, $"query: expected at most {rowsMax} rows, found more; add a limit or a filter");
        }

        found.Sort(static (a, b) =>
        {
            var byKey = a.Key.CompareTo(b.Key);
            return byKey != 0 ? byKey : b.Segment.TickOf(b.Row).CompareTo(a.Segment.TickOf(a.Row));
        });
        var rows = new List<(Segment Segment, int Row)>();
        var unique = 0L;
        for (var i = 0; i < found.Count; i++)
        {
            if (i > 0 && found[i].Key == found[i - 1].Key)
            {
                continue;
            }

            if (unique++ < request.Offset)
            {
                continue;
            }

            if (rows.Count == (request.Limit ?? long.MaxValue))
            {
                break;
            }

            rows.Add((found[i].Segment, found[i].Row));
        }

        return new RetrieveResult(ColumnGather.Fields(request.OutputFields, view.Schema, rows), rows.Count, view.At);
    }

    private List<Found> LookUp(ImmutableArray<PrimaryKey> keys)
    {
        var found = new List<Found>();
        var rows = new List<int>();
        foreach (var segment in view.Segments)
        {
            foreach (var key in keys)
            {
                rows.Clear();
                segment.FindKey(key, rows);
                foreach (var row in rows)
                {
                    if (segment.TickOf(row) <= view.At && !segment.Deletes.IsDeleted(row, view.At))
                    {
                        found.Add(new Found(segment, row, key));
                    }
                }
            }
        }

        return found;
    }

    /// <summary>At least the first <paramref name="end"/> keys of each segment.</summary>
    private List<Found> Scan(long end)
    {
        var found = new List<Found>();
        foreach (var cut in view.Cut())
        {
            if (cut.Segment is SealedSegment segment)
            {
                AddOrdered(cut, segment, end, found);
                continue;
            }

            for (var row = 0; row < cut.Rows; row++)
            {
                if (cut.Contains(row))
                {
                    found.Add(new Found(cut.Segment, row, cut.Segment.KeyOf(row)));
                }
            }
        }

        return found;
    }

    private static void AddOrdered(SegmentCut cut, SealedSegment segment, long end, List<Found> found)
    {
        long keys = 0;
        PrimaryKey? last = null;
        foreach (var row in segment.Keys.Order)
        {
            if (!cut.Contains(row))
            {
                continue;
            }

            var key = segment.KeyOf(row);
            keys += key == last ? 0 : 1;
            last = key;
            if (keys > end)
            {
                return;
            }

            found.Add(new Found(segment, row, key));
        }
    }

    private readonly record struct Found(Segment Segment, int Row, PrimaryKey Key);
}
