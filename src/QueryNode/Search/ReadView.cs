using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Expressions;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Index.Filters;
using MiniMilvus.QueryNode.Channels;
using MiniMilvus.QueryNode.Segments;

namespace MiniMilvus.QueryNode.Search;

/// <summary>
/// What one read reads: the segments of the snapshots it took, the timestamp, the filter. It holds its segments, so that their files stay mapped
/// (Q4), until it is disposed and the last job that it has running has ended.
/// </summary>
internal sealed class ReadView : IDisposable
{
    private readonly HoldCount _jobs;

    private ReadView(ImmutableArray<Segment> held, Timestamp at, Timestamp horizon, CollectionSchema schema, FilterExpression? filter)
    {
        (Segments, At, Horizon, Schema, Filter) = (held, at, horizon, schema, filter);
        _jobs = new HoldCount(() => DropAll(held));
    }

    public ImmutableArray<Segment> Segments { get; }

    public Timestamp At { get; }

    /// <summary>Below this the segments may lack rows that were there still (Q7): a read at an earlier <see cref="At"/> must not use the view.</summary>
    public Timestamp Horizon { get; }

    public CollectionSchema Schema { get; }

    public FilterExpression? Filter { get; }

    public static ReadView Of(IEnumerable<Shard> shards, ImmutableArray<PartitionId> partitions, bool ignoreGrowing, Timestamp at, CollectionSchema schema, string filter)
    {
        var parsed = FilterExpression.Parse(filter, schema);
        var held = ImmutableArray.CreateBuilder<Segment>();
        var horizon = Timestamp.Zero;
        try
        {
            foreach (var shard in shards)
            {
                var below = Hold(shard, s => (partitions.IsDefaultOrEmpty || partitions.Contains(s.Partition)) && !(ignoreGrowing && s.IsGrowing), held);
                horizon = Timestamp.Later(horizon, below);
            }
        }
        catch
        {
            DropAll(held);
            throw;
        }

        return new ReadView(held.ToImmutable(), at, horizon, schema, parsed);
    }

    /// <summary>Runs a part of the read on a pool. It holds the segments itself: the caller may have given up when it comes to run.</summary>
    public Task<T> RunAsync<T>(IComputePool pool, Func<T> work, CancellationToken ct) => pool.RunAsync(() =>
    {
        if (!_jobs.TryHold())
        {
            throw new OperationCanceledException("the read was given up before this part of it began");
        }

        try
        {
            return work();
        }
        finally
        {
            _jobs.Drop();
        }
    }, ct);

    /// <summary>Evaluates the filter and the delete masks: heavy, for the compute pool.</summary>
    public ImmutableArray<SegmentCut> Cut()
    {
        var predicate = Filter is null ? null : ColumnPredicate.Compile(Filter);
        return [.. Segments.Select(s => SegmentCut.At(s, At, predicate)).Where(c => c.Rows > 0)];
    }

    public void Dispose() => _jobs.Drop();

    // A segment that was let go between the look at the snapshot and the hold is in no newer snapshot.
    private static Timestamp Hold(Shard shard, Func<Segment, bool> isRead, ImmutableArray<Segment>.Builder held)
    {
        var before = held.Count;
        while (true)
        {
            var missed = false;
            var snapshot = shard.Take();
            foreach (var segment in snapshot.Segments.Where(isRead))
            {
                if (!segment.TryHold())
                {
                    missed = true;
                    break;
                }

                held.Add(segment);
            }

            if (!missed)
            {
                return snapshot.Horizon;
            }

            DropAll(held.Skip(before));
            held.Count = before;
        }
    }

    private static void DropAll(IEnumerable<Segment> held)
    {
        foreach (var segment in held)
        {
            segment.Drop();
        }
    }
}
