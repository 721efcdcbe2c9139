using System.Collections.Concurrent;
using MiniMilvus.Core;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Index.Bitmaps;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Vectors;
using MiniMilvus.QueryNode.Segments;

namespace MiniMilvus.QueryNode.Sealed;

/// <summary>A segment from its files: one column a field, the commit tick of each row, and graphs that may arrive later, each in one step.</summary>
internal sealed class SealedSegment : Segment
{
    private readonly RowBatch _rows;
    private readonly ReadOnlyMemory<long> _ticks;
    private readonly SealedKeys _keys;
    private readonly bool _isTickOrdered = true;
    private readonly Timestamp _maxTick;
    private readonly ConcurrentDictionary<(FieldId, MetricType), ContiguousVectors> _vectors = [];
    private readonly ConcurrentDictionary<FieldId, (long IndexId, HnswGraph Graph)> _graphs = [];

    public SealedSegment(SegmentId id, PartitionId partition, RowBatch rows, ReadOnlyMemory<long> ticks)
        : base(id, partition)
    {
        _rows = rows;
        _ticks = ticks;
        _keys = new SealedKeys(rows.PrimaryKeyColumn);
        var last = 0UL;
        foreach (var tick in ticks.Span)
        {
            _isTickOrdered &= (ulong)tick >= last;
            last = (ulong)tick;
            _maxTick = Timestamp.Later(_maxTick, new Timestamp(last));
        }

        DataBytes = rows.Bytes + (8L * ticks.Length) + _keys.Bytes;
    }

    public override bool IsGrowing => false;
    public override bool IsIndexed => !_graphs.IsEmpty;
    public override int Rows => _rows.Count;

    /// <summary>Bytes without graphs.</summary>
    public long DataBytes { get; }

    public override long Bytes => DataBytes + _graphs.Values.Sum(g => g.Graph.MemoryBytes);

    public SealedKeys Keys => _keys;

    /// <summary>The vectors of a field in a space; made once.</summary>
    public ContiguousVectors? VectorsOf(FieldId field, MetricType metric) => _rows.Find(field) is FloatVectorColumn column
        ? _vectors.GetOrAdd((field, metric), static (key, c) => new ContiguousVectors(new VectorSpace(key.Item2, c.Dim), c.Values), column)
        : null;

    public bool HasIndex(FieldId field, long indexId) => _graphs.TryGetValue(field, out var graph) && graph.IndexId == indexId;

    /// <summary>From the next search on the field is searched by its graph; running searches go on as they are.</summary>
    public void SetIndex(FieldId field, long indexId, HnswGraph graph) => _graphs[field] = (indexId, graph);

    public override int RowsAt(Timestamp at)
    {
        if (at >= _maxTick || !_isTickOrdered)
        {
            return _rows.Count;
        }

        var ticks = _ticks.Span;
        int low = 0, high = ticks.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            (low, high) = (ulong)ticks[middle] <= at.Value ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    public override BitSet? InsertedAt(Timestamp at)
    {
        if (_isTickOrdered || at >= _maxTick)
        {
            return null;
        }

        var inserted = new BitSet(_rows.Count);
        var ticks = _ticks.Span;
        for (var row = 0; row < ticks.Length; row++)
        {
            inserted.Set(row, (ulong)ticks[row] <= at.Value);
        }

        return inserted;
    }

    public override Timestamp TickOf(int row) => new((ulong)_ticks.Span[row]);

    public override PrimaryKey KeyOf(int row) => _rows.KeyAt(row);

    public override void FindKey(PrimaryKey key, List<int> rows) => _keys.Find(key, rows);

    public override IEnumerable<RowRun> Runs(int rows)
    {
        yield return new RowRun(_rows.Columns, 0, rows);
    }

    public override RowRun RunOf(int row) => new(_rows.Columns, 0, _rows.Count);

    public override void AddVectors(FieldId field, MetricType metric, int rows, List<VectorPart> to)
    {
        if (VectorsOf(field, metric) is not { } source)
        {
            return;
        }

        var graph = _graphs.TryGetValue(field, out var built) && built.Graph.Source.Space.Metric == metric ? built.Graph : null;
        to.Add(new VectorPart(source, graph, 0, rows));
    }
}
