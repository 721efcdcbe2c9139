using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;

namespace MiniMilvus.QueryNode.Sealed;

/// <summary>Which segments' rows a compaction's output has, over any number of compactions, as far as one view of the catalogue tells.</summary>
internal sealed class Lineage(IReadOnlyDictionary<SegmentId, SegmentRecord> known)
{
    /// <summary>Whether the segment takes the place of others: also one that was left without rows does.</summary>
    public static bool IsOutput(SegmentRecord segment) => !segment.CompactedFrom.IsEmpty && (segment.State is SegmentState.Flushed or SegmentState.Dropped);

    /// <summary>The inputs, their inputs, and so on.</summary>
    public HashSet<SegmentId> AncestorsOf(SegmentRecord output)
    {
        var found = new HashSet<SegmentId>();
        var open = new Stack<SegmentId>(output.CompactedFrom);
        while (open.TryPop(out var id))
        {
            if (found.Add(id) && known.TryGetValue(id, out var record))
            {
                foreach (var older in record.CompactedFrom)
                {
                    open.Push(older);
                }
            }
        }

        return found;
    }

    /// <summary>Whether all rows of the segment's inputs are shown in a sealed form, theirs or that of what they were compacted from.</summary>
    public bool IsHeld(SegmentRecord output, Func<SegmentId, bool> isSettled) =>
        output.CompactedFrom.All(id => isSettled(id) || (known.TryGetValue(id, out var record) && !record.CompactedFrom.IsEmpty && IsHeld(record, isSettled)));
}
