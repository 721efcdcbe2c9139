using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Vectors;
using MiniMilvus.QueryNode.Segments;

namespace MiniMilvus.QueryNode.Growing;

/// <summary>
/// A segment that the log still fills (station 14a): the columns of its insert messages by reference, in log order, so ticks rise with
/// rows. A batch is published by one volatile write, after its keys and vectors; searches see whole batches only.
/// </summary>
internal sealed class GrowingSegment : Segment
{
    private readonly ImmutableArray<GrowingVectors> _vectors;
    private readonly GrowingKeys _keys = new();
    private State _state = new([], 0, 0, 0);

    public GrowingSegment(SegmentId id, PartitionId partition, ImmutableArray<GrowingVectors> vectors)
        : base(id, partition) => _vectors = vectors;

    public override bool IsGrowing => true;
    public override bool IsIndexed => _vectors.Any(v => v.GraphBytes > 0);
    public override int Rows => Volatile.Read(ref _state).Rows;
    public override long Bytes => Volatile.Read(ref _state).Bytes;
    public ImmutableArray<GrowingVectors> Vectors => _vectors;
    public bool HasGraphWork => _vectors.Any(v => v.HasWork);

    /// <summary>A chunk to extend, taken for the caller; null when there is none that is free.</summary>
    public GrowingChunk? TakeChunk() => _vectors.Select(v => v.Take()).FirstOrDefault(c => c is not null);

    /// <summary>1 while the segment waits in the builder's queue.</summary>
    internal int IsQueued;
    private int _waitingRows;
    private readonly Lock _chargeGate = new();
    private long _graphBytesCharged;
    private bool _isReleased;

    /// <summary>No snapshot will show it again, so no graph is worth building.</summary>
    public bool IsReleased => Volatile.Read(ref _isReleased);

    public static GrowingSegment Create(SegmentId id, PartitionId partition, CollectionSchema schema, Func<FieldId, MetricType> metricOf, QueryNodeOptions options) =>
        new(id, partition, [.. schema.VectorFields.Where(f => f.Type == DataType.FloatVector)
            .Select(f => new GrowingVectors(f.Id, new VectorSpace(metricOf(f.Id), f.Dim), options))]);

    /// <summary>Appends a message's rows; they are visible to reads at or above the tick when this returns.</summary>
    public void Append(RowBatch rows, Timestamp tick, long bytes)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var state = _state;
        foreach (var vectors in _vectors)
        {
            if (rows.Find(vectors.Field) is FloatVectorColumn column)
            {
                vectors.Append(column.Values);
            }
        }

        for (var row = 0; row < rows.Count; row++)
        {
            _keys.Add(rows.KeyAt(row), state.Rows + row);
        }

        var batches = state.Batches;
        if (state.Count == batches.Length)
        {
            Array.Resize(ref batches, Math.Max(8, batches.Length * 2));
        }

        batches[state.Count] = new Batch(rows, state.Rows, tick);
        Interlocked.Add(ref _waitingRows, _vectors.IsEmpty ? 0 : rows.Count);
        Volatile.Write(ref _state, new State(batches, state.Count + 1, state.Rows + rows.Count, state.Bytes + bytes));
    }

    /// <summary>Takes up to so many rows off the count of rows without a graph; returns how many.</summary>
    public int TakeWaiting(int rows)
    {
        while (true)
        {
            var waiting = Volatile.Read(ref _waitingRows);
            var taken = Math.Min(waiting, rows);
            if (Interlocked.CompareExchange(ref _waitingRows, waiting - taken, waiting) == waiting)
            {
                return taken;
            }
        }
    }

    /// <summary>Charges the graphs that have come to be since the last time.</summary>
    public void ChargeGraphs(GrowingBudget budget)
    {
        lock (_chargeGate)
        {
            var bytes = _vectors.Sum(v => v.GraphBytes);
            if (!_isReleased && bytes > _graphBytesCharged)
            {
                budget.Charge(bytes - _graphBytesCharged);
                _graphBytesCharged = bytes;
            }
        }
    }

    /// <summary>Returns the bytes that were taken for its rows and graphs: for the caller to give back, once.</summary>
    public long Release()
    {
        lock (_chargeGate)
        {
            _isReleased = true;
            return Bytes + _graphBytesCharged;
        }
    }

    public override int RowsAt(Timestamp at)
    {
        var state = Volatile.Read(ref _state);
        if (state.Count == 0 || state.Batches[state.Count - 1].Tick <= at)
        {
            return state.Rows;
        }

        int low = 0, high = state.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            (low, high) = state.Batches[middle].Tick <= at ? (middle + 1, high) : (low, middle);
        }

        return state.Batches[low].FirstRow;
    }

    public override Timestamp TickOf(int row) => BatchOf(row).Tick;

    public override PrimaryKey KeyOf(int row)
    {
        var batch = BatchOf(row);
        return batch.Rows.KeyAt(row - batch.FirstRow);
    }

    public override void FindKey(PrimaryKey key, List<int> rows)
    {
        var first = rows.Count;
        _keys.Find(key, rows);
        // Keys are known before their rows are published.
        var published = Rows;
        for (var i = rows.Count - 1; i >= first; i--)
        {
            if (rows[i] >= published)
            {
                rows.RemoveAt(i);
            }
        }
    }

    public override IEnumerable<RowRun> Runs(int rows)
    {
        var state = Volatile.Read(ref _state);
        for (var i = 0; i < state.Count && state.Batches[i].FirstRow < rows; i++)
        {
            var batch = state.Batches[i];
            yield return new RowRun(batch.Rows.Columns, batch.FirstRow, Math.Min(batch.Rows.Count, rows - batch.FirstRow));
        }
    }

    public override RowRun RunOf(int row)
    {
        var batch = BatchOf(row);
        return new RowRun(batch.Rows.Columns, batch.FirstRow, batch.Rows.Count);
    }

    public override void AddVectors(FieldId field, MetricType metric, int rows, List<VectorPart> to)
    {
        foreach (var vectors in _vectors)
        {
            if (vectors.Field == field && vectors.Space.Metric == metric)
            {
                vectors.AddParts(rows, to);
                return;
            }
        }

        // A metric that the chunks were not made for: each batch is scanned as it lies.
        foreach (var run in Runs(rows))
        {
            if (run.Columns.FirstOrDefault(c => c.Field == field) is FloatVectorColumn column)
            {
                to.Add(new VectorPart(new ContiguousVectors(new VectorSpace(metric, column.Dim), column.Values), null, run.FirstRow, run.Rows));
            }
        }
    }

    private Batch BatchOf(int row)
    {
        var state = Volatile.Read(ref _state);
        int low = 0, high = state.Count - 1;
        while (low < high)
        {
            var middle = (low + high + 1) >>> 1;
            (low, high) = state.Batches[middle].FirstRow <= row ? (middle, high) : (low, middle - 1);
        }

        return state.Batches[low];
    }

    private readonly record struct Batch(RowBatch Rows, int FirstRow, Timestamp Tick);

    private sealed record State(Batch[] Batches, int Count, int Rows, long Bytes);
}
