using System.Collections.Concurrent;
using MiniMilvus.Core;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Index.Bitmaps;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Vectors;
using MiniMilvus.QueryNode.Segments;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.QueryNode.Sealed;

/// <summary>
/// A segment from its files: one column a field, the commit tick of each row, and graphs that may arrive later, each in one step. Vectors and
/// graphs may be mapped files; they are unmapped when the shard has let the segment go and no read holds it any more (Q4).
/// </summary>
internal sealed class SealedSegment : Segment
{
    private readonly RowBatch _rows;
    private readonly ReadOnlyMemory<long> _ticks;
    private readonly SealedKeys _keys;
    private readonly bool _isTickOrdered = true;
    private readonly Timestamp _maxTick;
    private readonly ConcurrentDictionary<(FieldId, MetricType), ContiguousVectors> _vectors = [];
    private readonly ConcurrentDictionary<FieldId, SealedIndex> _indexes = [];
    private readonly IReadOnlyList<FileView> _views;
    private readonly ConcurrentBag<SealedIndex> _replaced = [];
    private readonly Action<SealedSegment>? _letGo;
    private readonly HoldCount _holds;

    /// <param name="views">What the vectors lie in; the segment's own from here on.</param>
    /// <param name="letGo">Called once, when nothing reads the segment any more and its views are gone.</param>
    public SealedSegment(SegmentId id, PartitionId partition, RowBatch rows, ReadOnlyMemory<long> ticks, IReadOnlyList<FileView>? views = null, Action<SealedSegment>? letGo = null)
        : base(id, partition)
    {
        _views = views ?? [];
        _letGo = letGo;
        _holds = new HoldCount(LetGo);
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
        MemoryBytes = DataBytes - _views.Where(v => v.IsMapped).Sum(v => (long)v.Bytes.Length);
    }

    public override bool IsGrowing => false;
    public override bool IsIndexed => !_indexes.IsEmpty;
    public override int Rows => _rows.Count;

    /// <summary>Bytes without indexes.</summary>
    public long DataBytes { get; }

    /// <summary>Bytes of this process's own memory, indexes included; mapped files are the system's. Changed by the loader alone.</summary>
    public long MemoryBytes { get; private set; }

    public override long Bytes => DataBytes + _indexes.Values.Sum(i => i.Index.MemoryBytes);

    public override bool TryHold() => _holds.TryHold();

    public override void Drop() => _holds.Drop();

    public SealedKeys Keys => _keys;

    /// <summary>The vectors of a field in a space; made once.</summary>
    public ContiguousVectors? VectorsOf(FieldId field, MetricType metric) => _rows.Find(field) is FloatVectorColumn column
        ? _vectors.GetOrAdd((field, metric), static (key, c) => new ContiguousVectors(new VectorSpace(key.Item2, c.Dim), c.Values), column)
        : null;

    public bool HasIndex(FieldId field, long indexId) => _indexes.TryGetValue(field, out var index) && index.IndexId == indexId;

    /// <summary>From the next search on the field is searched by its index; running searches go on as they are. The caller holds the segment.</summary>
    public void SetIndex(FieldId field, SealedIndex index)
    {
        MemoryBytes += index.MemoryBytes;
        if (_indexes.TryGetValue(field, out var replaced))
        {
            _replaced.Add(replaced); // Searches may be running on it: it goes with the segment.
        }

        _indexes[field] = index;
    }

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

        var index = _indexes.TryGetValue(field, out var loaded) && loaded.Index.Source.Space.Metric == metric ? loaded.Index : null;
        to.Add(new VectorPart(source, index, 0, rows));
    }

    private void LetGo()
    {
        foreach (var index in _indexes.Values.Concat(_replaced))
        {
            index.Dispose();
        }

        foreach (var view in _views)
        {
            view.Dispose();
        }

        _letGo?.Invoke(this);
    }
}
