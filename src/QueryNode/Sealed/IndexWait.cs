using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Schema;
using MiniMilvus.QueryNode.Channels;
using MiniMilvus.QueryNode.Growing;

namespace MiniMilvus.QueryNode.Sealed;

/// <summary>
/// Whether a flushed segment may take the place of its growing form. Where that has graphs and the flushed one lacks its index still, every search would
/// scan it meanwhile, so the growing form goes on answering: for a bounded time, and while growing rows have room. The rows are durable, so nothing else waits.
/// </summary>
internal sealed class IndexWait(QueryNodeOptions options, GrowingBudget budget, TimeProvider time)
{
    private readonly Dictionary<SegmentId, long> _since = [];

    /// <summary>Whether a change of the catalogue may end a wait.</summary>
    public bool IsWaiting => _since.Count > 0;

    public bool IsOver(SegmentRecord segment, CollectionRecord collection, ShardSnapshot shown)
    {
        if (options.HandoffIndexWait <= TimeSpan.Zero || segment.State != SegmentState.Flushed || budget.Used > budget.BytesMax / 2
            || !shown.Growing.Any(g => g.Id == segment.Id && g.IsIndexed) || !collection.Indexes.Any(i => IsMissing(i, segment, collection.Schema)))
        {
            _since.Remove(segment.Id);
            return true;
        }

        if (_since.TryAdd(segment.Id, time.GetTimestamp()) || time.GetElapsedTime(_since[segment.Id]) < options.HandoffIndexWait)
        {
            return false;
        }

        _since.Remove(segment.Id);
        return true;
    }

    private static bool IsMissing(IndexRecord index, SegmentRecord segment, CollectionSchema schema) =>
        schema.Find(index.Field) is { Type: DataType.FloatVector } field && IndexKind.Of(field, index).Structure != IndexStructure.Scan
        && segment.Indexes.All(has => has.IndexId != index.Id);
}
