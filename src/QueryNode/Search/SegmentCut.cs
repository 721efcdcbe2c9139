using MiniMilvus.Core;
using MiniMilvus.Core.Time;
using MiniMilvus.Index.Bitmaps;
using MiniMilvus.Index.Filters;
using MiniMilvus.QueryNode.Segments;

namespace MiniMilvus.QueryNode.Search;

/// <summary>The rows of one segment that a read at T may return: below <see cref="Rows"/>, and in <see cref="Allowed"/> where that is not null.</summary>
internal sealed record SegmentCut(Segment Segment, int Rows, BitSet? Allowed)
{
    public int Count => Allowed?.Count() ?? Rows;

    public bool Contains(int row) => row < Rows && (Allowed is null || Allowed.Get(row));

    /// <summary>Inserted at or before T, not deleted at T, and passing the filter.</summary>
    public static SegmentCut At(Segment segment, Timestamp at, ColumnPredicate? filter)
    {
        var rows = segment.RowsAt(at);
        var allowed = segment.InsertedAt(at);
        if (filter is not null)
        {
            var bitmap = new PredicateBitmap(filter, rows);
            foreach (var run in segment.Runs(rows))
            {
                bitmap.Append(run.Columns, run.Rows);
            }

            var passing = bitmap.ToBitSet();
            allowed = allowed is null ? passing : passing.And(allowed);
        }

        return new SegmentCut(segment, rows, segment.Deletes.Exclude(allowed, rows, at));
    }

    /// <summary>The bits of the rows first … first + count − 1, where first is a multiple of 64.</summary>
    public BitSet? Slice(int first, int count) => Allowed is null || (first == 0 && count == Allowed.Length)
        ? Allowed
        : BitSet.FromWords(Allowed.Words.Slice(first >> 6, ColumnPredicate.WordsFor(count)), count);
}
