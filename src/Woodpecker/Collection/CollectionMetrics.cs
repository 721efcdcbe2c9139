using System.Diagnostics.Metrics;

namespace MiniMilvus.Woodpecker.Collection;

/// <summary>The collector's backlog and work, for <c>/metrics</c>.</summary>
internal sealed class CollectionMetrics : IDisposable
{
    private readonly Meter _meter = new("MiniMilvus.Woodpecker");
    private readonly Counter<long> _segments;
    private readonly Counter<long> _bytes;
    private readonly Counter<long> _orphans;
    private readonly Counter<long> _failures;

    public CollectionMetrics(CollectionBacklog backlog)
    {
        _meter.CreateObservableGauge("minimilvus_woodpecker_gc_backlog_segments", () => backlog.Sum().Segments, "segments", "Log segments truncated and not collected");
        _meter.CreateObservableGauge("minimilvus_woodpecker_gc_backlog_bytes", () => backlog.Sum().Bytes, "bytes", "Their bytes");
        _meter.CreateObservableGauge("minimilvus_woodpecker_gc_backlog_oldest_seconds", () => backlog.Sum().Oldest.TotalSeconds, "seconds", "Time since the oldest of their truncations");
        _meter.CreateObservableGauge("minimilvus_woodpecker_gc_failed_logs", () => (long)backlog.Sum().Failed, "logs", "Logs whose newest collection failed; the log says why");
        _segments = _meter.CreateCounter<long>("minimilvus_woodpecker_gc_segments", "segments", "Log segments collected");
        _bytes = _meter.CreateCounter<long>("minimilvus_woodpecker_gc_bytes", "bytes", "Their bytes");
        _orphans = _meter.CreateCounter<long>("minimilvus_woodpecker_gc_orphans", "segments", "Those of them that had no metadata");
        _failures = _meter.CreateCounter<long>("minimilvus_woodpecker_gc_failures", "visits", "Visits of the collector that failed");
    }

    public void Collected(CollectionResult result)
    {
        _segments.Add(1);
        _bytes.Add(result.Bytes);
        _orphans.Add(result.IsOrphan ? 1 : 0);
    }

    public void Failed() => _failures.Add(1);

    public void Dispose() => _meter.Dispose();
}
