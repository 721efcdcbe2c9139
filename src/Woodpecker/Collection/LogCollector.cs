using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Metadata;
using MiniMilvus.Woodpecker.Reading;

namespace MiniMilvus.Woodpecker.Collection;

/// <summary>
/// The garbage collector of a process that owns logs: one loop, one log at a time, one segment at a time with a pause behind each. It sleeps
/// until a truncation is past its retention time and does nothing at all while nothing is truncated. What it decides stands in
/// <see cref="SegmentCollection"/>; here is only when. A visit that fails is tried again, ever more rarely; the log is told once.
/// </summary>
internal sealed class LogCollector : IAsyncDisposable
{
    /// <summary>A timer's reach; it looks again then.</summary>
    private static readonly TimeSpan WaitMax = TimeSpan.FromDays(1);

    private readonly SegmentCollection _collection;
    private readonly LogDeletion _deletion;
    private readonly LogMetadata _metadata;
    private readonly LocalLogs _logs;
    private readonly WoodpeckerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CollectionBacklog _backlog;
    private readonly CollectionMetrics _metrics;
    private readonly AsyncSignal _changed = new();
    private readonly BackgroundTask _loop;

    public LogCollector(SegmentCollection collection, LogDeletion deletion, LogMetadata metadata, LocalLogs logs, WoodpeckerOptions options, TimeProvider time, ILogger logger)
    {
        (_collection, _deletion, _metadata, _logs, _options, _time, _logger) = (collection, deletion, metadata, logs, options, time, logger);
        _backlog = new CollectionBacklog(time);
        _metrics = new CollectionMetrics(_backlog);
        _loop = new BackgroundTask(RunAsync);
    }

    public CollectionBacklog.Totals Backlog => _backlog.Sum();

    /// <summary>With the first log that this process owns.</summary>
    public void Start() => _loop.Start();

    /// <summary>Something of this log is truncated, or may be.</summary>
    public void Hear(string log)
    {
        _backlog.Hear(log);
        _changed.Pulse();
    }

    public void Forget(string log) => _backlog.Forget(log);

    /// <summary>Visits one log until nothing of it is due.</summary>
    public async ValueTask CollectAsync(string log, CancellationToken ct)
    {
        while (await VisitTurnAsync(new(log, TimeSpan.Zero, -1, ImmutableDictionary<long, long>.Empty, Sweeps: true), ct) is { DueIn: { } due } && due <= TimeSpan.Zero)
        {
            await Task.Delay(_options.CollectionPause, _time, ct);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _loop.DisposeAsync();
        _metrics.Dispose();
    }

    private async Task RunAsync(CancellationToken ct)
    {
        try
        {
            await HearOfDeletedAsync(ct);
            while (true)
            {
                var changed = _changed.Next;
                if (_backlog.Next() is not { } next)
                {
                    await changed.WaitAsync(ct);
                }
                else if (next.In > TimeSpan.Zero)
                {
                    await WaitAsync(next.In, changed, ct);
                }
                else
                {
                    await VisitAsync(next, ct);
                    await Task.Delay(_options.CollectionPause, _time, ct);
                }
            }
        }
        catch (Exception) when (ct.IsCancellationRequested)
        {
            return; // closed in the middle of a step: the next start goes on
        }
    }

    private async Task WaitAsync(TimeSpan atMost, Task changed, CancellationToken ct)
    {
        // Whole milliseconds, upwards, because a timer knows no less: a wait of none would look again at once, and again.
        atMost = atMost < WaitMax ? TimeSpan.FromMilliseconds(Math.Ceiling(atMost.TotalMilliseconds)) : WaitMax;
        using var waited = CancellationTokenSource.CreateLinkedTokenSource(ct);
        await Task.WhenAny(Task.Delay(atMost, _time, waited.Token), changed);
        waited.Cancel();
        ct.ThrowIfCancellationRequested();
    }

    /// <summary>Deletions that a crash cut short: nobody but the collector will hear of them.</summary>
    private async Task HearOfDeletedAsync(CancellationToken ct)
    {
        while (true)
        {
            try
            {
                foreach (var log in await _metadata.ListLogsAsync(isDeleted: true, ct))
                {
                    Hear(log);
                }

                return;
            }
            catch (MiniMilvusException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.Corrupted)
            {
                Log.DeletedNotListed(_logger, e);
                if (e.Kind == ErrorKind.Corrupted)
                {
                    return; // a record of some log does not read: that is told wherever it is needed; the next start looks again
                }
            }

            await Task.Delay(_options.CollectionRetryInterval, _time, ct);
        }
    }

    private async Task VisitAsync(CollectionBacklog.Visit visit, CancellationToken ct)
    {
        var log = visit.Log;
        using var limit = new CancellationTokenSource(_options.CollectionTimeMax, _time);
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            await VisitTurnAsync(visit, bounded.Token);
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            // Whatever it was, the log's data stays, which is safe; the backlog's age and the failed logs are in the metrics.
            _metrics.Failed();
            if (_backlog.Failed(log, e, _options.CollectionRetryInterval))
            {
                Log.CollectionFailed(_logger, log, e);
            }
        }
    }

    /// <summary>The result; null when the log is gone now.</summary>
    private async Task<CollectionResult?> VisitTurnAsync(CollectionBacklog.Visit visit, CancellationToken ct)
    {
        var log = visit.Log;
        using var turn = await _logs.EnterAsync(log, ct); // not beside an open, a truncation or a deletion here
        if (await _metadata.FindLogAsync(log, ct) is not { } found)
        {
            _backlog.Forget(log);
            return null;
        }

        if (found.Record.Deleted)
        {
            await _deletion.FinishAsync(log, ct);
            _backlog.Forget(log);
            Log.DeletionFinished(_logger, log);
            return null;
        }

        var result = await _collection.CollectAsync(log, visit.Known, visit.Sweeps, ct);
        _backlog.Visited(visit, result);
        if (result.IsProductive)
        {
            _metrics.Collected(result);
            Log.Collected(_logger, log, result.Collected, result.Bytes, result.Left.Count);
        }

        return result;
    }
}
