using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.QueryNode.Growing;
using MiniMilvus.QueryNode.Sealed;

namespace MiniMilvus.QueryNode.Channels;

/// <summary>
/// The state of one loaded vchannel. The log loop and the handoff change it under one lock, in short steps without I/O; reads take the
/// published snapshot and tSafe and never the lock.
/// </summary>
internal sealed class Shard(VChannel channel, Func<CollectionSchema> schema, Func<FieldId, MetricType> metricOf, ShardParts parts)
{
    private readonly Lock _gate = new();
    private readonly HashSet<SegmentId> _settled = [];
    private readonly HashSet<PartitionId> _dropped = [];
    private readonly Dictionary<SegmentId, LogPosition> _began = [];
    private LogPosition _coveredUntil;
    private readonly DeleteBuffer _deletes = new();
    private volatile ShardSnapshot _snapshot = ShardSnapshot.Empty;
    private volatile Exception? _closed;

    public VChannel Channel => channel;
    public SafeTime SafeTime { get; } = new();
    public ShardSnapshot Snapshot => _snapshot;

    /// <summary>The snapshot for a read; throws when the shard has been closed, so that a read never takes nothing for all (Q6).</summary>
    public ShardSnapshot Take()
    {
        var snapshot = _snapshot;
        return _closed is { } reason ? throw reason : snapshot;
    }

    public int BufferedDeletes
    {
        get
        {
            lock (_gate)
            {
                return _deletes.Count;
            }
        }
    }

    /// <summary>Bytes that an insert will hold here; 0 when it is skipped (S5).</summary>
    public long BytesOf(LogMessage message)
    {
        if (message.Body is not InsertBody insert)
        {
            return 0;
        }

        lock (_gate)
        {
            return Skips(insert, message.Position) ? 0 : insert.Rows.Bytes;
        }
    }

    /// <summary>Applies a message of this vchannel. Nothing in it is fatal: what belongs to settled segments or dropped partitions is skipped (S5).</summary>
    /// <param name="bytes">What was taken from the growing budget for it.</param>
    public void Apply(LogMessage message, long bytes)
    {
        switch (message.Body)
        {
            case InsertBody insert:
                Insert(insert, message, bytes);
                break;
            case DeleteBody delete:
                Delete(delete, message);
                break;
            case DropPartitionBody drop:
                DropPartition(drop.Partition);
                break;
        }
    }

    /// <summary>Whether the sealed form of a segment is (or was) here, so that its rows in the log are passed over.</summary>
    public bool IsSettled(SegmentId segment)
    {
        lock (_gate)
        {
            return _settled.Contains(segment);
        }
    }

    /// <summary>Rows of the growing form of a flushed segment; null when its sealed form is (or was) here, or its partition has been dropped.</summary>
    public int? GrowingRowsOf(SegmentRecord record)
    {
        lock (_gate)
        {
            return _settled.Contains(record.Id) || _dropped.Contains(record.Partition) ? null : _snapshot.Growing.FirstOrDefault(g => g.Id == record.Id)?.Rows ?? 0;
        }
    }

    public BufferedDelete[] DeletesFrom(int first)
    {
        lock (_gate)
        {
            return _deletes.From(first);
        }
    }

    /// <summary>Every row and delete below the checkpoint is in the sealed segments that are shown, and in delete files.</summary>
    public void CutDeletes(LogPosition checkpoint)
    {
        lock (_gate)
        {
            _deletes.CutBelow(checkpoint);
            _coveredUntil = checkpoint;
        }
    }

    /// <summary>Where the growing form of a segment begins in the log; null when there is none.</summary>
    public LogPosition? BeganAt(SegmentId growing)
    {
        lock (_gate)
        {
            return _began.TryGetValue(growing, out var at) ? at : null;
        }
    }

    /// <summary>
    /// Shows a sealed segment instead of its growing form, and of everything that it was compacted from, in the step that applies the last of its
    /// deletes (Q2, Q3).
    /// </summary>
    /// <param name="appliedDeletes">How many of the buffered deletes the caller has applied already.</param>
    /// <param name="replaced">What it was compacted from.</param>
    /// <param name="purgedUntil">Below this no read may use it (Q7).</param>
    public void Seal(SealedSegment segment, int appliedDeletes, IReadOnlySet<SegmentId>? replaced = null, Timestamp purgedUntil = default)
    {
        lock (_gate)
        {
            foreach (var delete in _deletes.From(appliedDeletes))
            {
                ApplyTo(segment, delete);
            }

            var isDropped = _dropped.Contains(segment.Partition);
            Show(isDropped ? null : segment, segment.Id, replaced, purgedUntil);
            if (isDropped)
            {
                segment.Drop();
            }
        }
    }

    /// <summary>Takes everything that was compacted into a segment without rows out of every later snapshot.</summary>
    public void Purge(SegmentId output, IReadOnlySet<SegmentId> replaced, Timestamp purgedUntil)
    {
        lock (_gate)
        {
            Show(null, output, replaced, purgedUntil);
        }
    }

    /// <summary>Takes a segment out of every later snapshot, for good.</summary>
    public bool Release(SegmentId id)
    {
        lock (_gate)
        {
            _settled.Add(id);
            return Remove(s => s == id, _ => false) > 0;
        }
    }

    public void DropPartition(PartitionId partition)
    {
        lock (_gate)
        {
            _dropped.Add(partition);
            Remove(_ => false, p => p == partition);
        }
    }

    /// <summary>Gives everything back; reads that wait end with the failure.</summary>
    public void Close(Exception reason)
    {
        // Before the snapshot empties: see Take.
        _closed = reason;
        lock (_gate)
        {
            Remove(_ => true, _ => true);
        }

        SafeTime.Fail(reason);
    }

    public static void ApplyTo(SealedSegment segment, in BufferedDelete delete)
    {
        if (delete.Partition == PartitionId.All || delete.Partition == segment.Partition)
        {
            segment.Delete(delete.Keys, delete.Tick);
        }
    }

    // One snapshot goes, the next one stands: no read sees a row in both forms, or in neither.
    private void Show(SealedSegment? segment, SegmentId id, IReadOnlySet<SegmentId>? replaced, Timestamp purgedUntil)
    {
        bool Goes(SegmentId other) => other == id || replaced?.Contains(other) == true;
        var shown = _snapshot;
        _settled.Add(id);
        _settled.UnionWith(replaced ?? (IEnumerable<SegmentId>)[]);
        var kept = shown.Sealed.RemoveAll(s => Goes(s.Id));
        _snapshot = new ShardSnapshot(shown.Growing.RemoveAll(g => Goes(g.Id)), segment is null ? kept : kept.Add(segment))
        {
            Horizon = Timestamp.Later(shown.Horizon, purgedUntil),
        };
        foreach (var growing in shown.Growing.Where(g => Goes(g.Id)))
        {
            Retire(growing);
        }

        foreach (var gone in shown.Sealed.Where(s => Goes(s.Id) && s != segment))
        {
            gone.Drop();
        }
    }

    // Below what is covered a segment that is not settled was compacted away and forgotten before this node came to read it.
    private bool Skips(InsertBody insert, LogPosition position) => position < _coveredUntil || _settled.Contains(insert.Segment) || _dropped.Contains(insert.Partition);

    private void Insert(InsertBody insert, LogMessage message, long bytes)
    {
        GrowingSegment segment;
        lock (_gate)
        {
            if (Skips(insert, message.Position))
            {
                parts.Budget.Give(bytes);
                return;
            }

            segment = _snapshot.Growing.FirstOrDefault(g => g.Id == insert.Segment) ?? Open(insert, message.Position);
            segment.Append(insert.Rows, message.CommitTick, bytes);
        }

        parts.Metrics.AddGrowingRows(insert.Rows.Count);
        parts.Metrics.AddWaitingRows(insert.Rows.Count);
        parts.Builder.Offer(segment);
        if (parts.Stations.IsEnabled)
        {
            parts.Stations.Emit(new StationEvent(Station.GrowingVisible, channel.Name, message.CommitTick, message.Position, insert.Rows.Count));
        }
    }

    private GrowingSegment Open(InsertBody insert, LogPosition position)
    {
        _began[insert.Segment] = position;
        var segment = GrowingSegment.Create(insert.Segment, insert.Partition, schema(), metricOf, parts.Options);
        _snapshot = _snapshot with { Growing = _snapshot.Growing.Add(segment) };
        return segment;
    }

    private void Delete(DeleteBody delete, LogMessage message)
    {
        lock (_gate)
        {
            _deletes.Add(new BufferedDelete(message.Position, message.CommitTick, delete.Partition, delete.Keys));
            foreach (var segment in _snapshot.Segments)
            {
                if (delete.Partition == PartitionId.All || delete.Partition == segment.Partition)
                {
                    segment.Delete(delete.Keys, message.CommitTick);
                }
            }
        }
    }

    private int Remove(Func<SegmentId, bool> byId, Func<PartitionId, bool> byPartition)
    {
        var shown = _snapshot;
        var kept = new ShardSnapshot(
            shown.Growing.RemoveAll(g => byId(g.Id) || byPartition(g.Partition)),
            shown.Sealed.RemoveAll(s => byId(s.Id) || byPartition(s.Partition)))
        {
            Horizon = shown.Horizon,
        };
        _snapshot = kept;
        foreach (var growing in shown.Growing.Except(kept.Growing))
        {
            Retire(growing);
        }

        foreach (var gone in shown.Sealed.Except(kept.Sealed))
        {
            gone.Drop();
        }

        return shown.Growing.Length + shown.Sealed.Length - kept.Growing.Length - kept.Sealed.Length;
    }

    private void Retire(GrowingSegment? growing)
    {
        if (growing is null)
        {
            return;
        }

        _began.Remove(growing.Id);
        parts.Metrics.AddGrowingRows(-growing.Rows);
        parts.Metrics.AddWaitingRows(-growing.TakeWaiting(int.MaxValue));
        parts.Budget.Give(growing.Release());
    }
}

/// <summary>What all shards of a node share.</summary>
internal sealed record ShardParts(
    QueryNodeOptions Options, QueryNodeMetrics Metrics, IStationSink Stations, GraphBuilder Builder, GrowingBudget Budget, SealedLoader Loader);
