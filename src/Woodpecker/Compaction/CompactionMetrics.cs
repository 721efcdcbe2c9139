using System.Diagnostics.Metrics;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Woodpecker.Compaction;

/// <summary>What compaction has done and cost in this process; for <c>/metrics</c>, and for who asks here.</summary>
internal sealed class CompactionMetrics : IDisposable
{
    private readonly Meter _meter = new("MiniMilvus.Woodpecker");
    private readonly Counter<long> _segments;
    private readonly Counter<long> _swept;
    private readonly Counter<long> _failures;
    private readonly Counter<long> _requests;
    private readonly Counter<long> _bytes;
    private readonly Lock _lock = new();
    private ObjectRequestTotals _totals;
    private long _sealedCount, _sweptCount, _failureCount;

    /// <param name="state">Damaged segments, segments whose small blocks wait to be deleted, and whether the loop has stopped for good.</param>
    public CompactionMetrics(Func<(int Damaged, int Waiting, bool IsStopped)> state)
    {
        _segments = _meter.CreateCounter<long>("woodpecker_compaction_segments", "segments", "Log segments sealed");
        _swept = _meter.CreateCounter<long>("woodpecker_compaction_swept_segments", "segments", "Sealed log segments whose small blocks were deleted");
        _failures = _meter.CreateCounter<long>("woodpecker_compaction_failures", "tries", "Tries to compact a log that ended in an error");
        _requests = _meter.CreateCounter<long>("woodpecker_compaction_requests", "requests", "Requests to the object store that compaction made; the log's own counts have them too");
        _bytes = _meter.CreateCounter<long>("woodpecker_compaction_bytes", "bytes", "Content that compaction put and got");
        _meter.CreateObservableGauge("woodpecker_compaction_damaged_segments", () => state().Damaged, "segments", "Log segments that are not sealed because something in them is damaged");
        _meter.CreateObservableGauge("woodpecker_compaction_waiting_segments", () => state().Waiting, "segments", "Sealed log segments whose small blocks are still there");
        _meter.CreateObservableGauge("woodpecker_compaction_stopped", () => state().IsStopped ? 1 : 0, "", "1 when compaction has stopped in this process because of an error of its own");
    }

    public long Sealed => Interlocked.Read(ref _sealedCount);

    public long Swept => Interlocked.Read(ref _sweptCount);

    public long Failures => Interlocked.Read(ref _failureCount);

    public ObjectRequestTotals Requests
    {
        get
        {
            lock (_lock)
            {
                return _totals;
            }
        }
    }

    public void SegmentSealed()
    {
        Interlocked.Increment(ref _sealedCount);
        _segments.Add(1);
    }

    public void SegmentSwept()
    {
        Interlocked.Increment(ref _sweptCount);
        _swept.Add(1);
    }

    public void Failed()
    {
        Interlocked.Increment(ref _failureCount);
        _failures.Add(1);
    }

    public void Requested(string operation, ObjectRequestTotals cost)
    {
        lock (_lock)
        {
            _totals += cost;
        }

        _requests.Add(cost.Requests, new KeyValuePair<string, object?>("op", operation));
    }

    public void Carried(string operation, ObjectRequestTotals cost)
    {
        lock (_lock)
        {
            _totals += cost;
        }

        _bytes.Add(cost.PutBytes + cost.GetBytes, new KeyValuePair<string, object?>("op", operation));
    }

    public void Dispose() => _meter.Dispose();
}
