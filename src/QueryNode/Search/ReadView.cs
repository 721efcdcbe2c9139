using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Expressions;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Index.Filters;
using MiniMilvus.QueryNode.Channels;
using MiniMilvus.QueryNode.Segments;

namespace MiniMilvus.QueryNode.Search;

/// <summary>What one read reads: the segments of the snapshots it took, the timestamp, the filter. Segments stay alive with it (Q4).</summary>
internal sealed record ReadView(ImmutableArray<Segment> Segments, Timestamp At, CollectionSchema Schema, FilterExpression? Filter)
{
    public static ReadView Of(IEnumerable<ShardSnapshot> snapshots, ImmutableArray<PartitionId> partitions, bool ignoreGrowing, Timestamp at, CollectionSchema schema, string filter)
    {
        var segments = snapshots.SelectMany(s => s.Segments)
            .Where(s => (partitions.IsDefaultOrEmpty || partitions.Contains(s.Partition)) && !(ignoreGrowing && s.IsGrowing));
        return new ReadView([.. segments], at, schema, FilterExpression.Parse(filter, schema));
    }

    /// <summary>Evaluates the filter and the delete masks: heavy, for the compute pool.</summary>
    public ImmutableArray<SegmentCut> Cut()
    {
        var predicate = Filter is null ? null : ColumnPredicate.Compile(Filter);
        return [.. Segments.Select(s => SegmentCut.At(s, At, predicate)).Where(c => c.Rows > 0)];
    }
}
