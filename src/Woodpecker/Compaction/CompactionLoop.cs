using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Metadata;
using MiniMilvus.Woodpecker.Reading;
using MiniMilvus.Woodpecker.Writing;

namespace MiniMilvus.Woodpecker.Compaction;

/// <summary>
/// The one worker of a process: seals the finished segments of the logs that are written here, one at a time, and later clears away what
/// they were made of. Woken by the end of a segment and by its own appointments; idle it does nothing. Each step may be repeated, and a
/// crash between any two leaves what the next owner goes on from:
/// parts, index (W7), Completed → Sealed by compare-and-set (W8), grace, small blocks deleted, "swept" noted.
/// </summary>
internal sealed class CompactionLoop : IAsyncDisposable
{
    private readonly ISegmentSealer _sealer;
    private readonly LogMetadata _metadata;
    private readonly LocalLogs _logs;
    private readonly CompactionAgenda _agenda;
    private readonly CompactionMetrics _metrics;
    private readonly BackgroundTask _loop;
    private readonly Lock _lock = new();
    private readonly SortedDictionary<(string Log, long Segment), string> _damaged = [];
    private readonly SortedDictionary<string, string> _failing = new(StringComparer.Ordinal);
    private string? _stopped;

    private CompactionLoop(Func<CompactionMetrics, ISegmentSealer> sealer, LogMetadata metadata, LocalLogs logs, WoodpeckerOptions options, TimeProvider time)
    {
        (_metadata, _logs, _agenda, _loop) = (metadata, logs, new CompactionAgenda(options, time), new BackgroundTask(RunAsync));
        _metrics = new CompactionMetrics(() =>
        {
            lock (_lock)
            {
                return (_damaged.Count, _agenda.SweepsPlanned, _stopped is not null);
            }
        });
        _sealer = sealer(_metrics);
        metadata.SegmentEnded = Hear;
    }

    /// <summary>Null where segments have no other form than the one they are written in.</summary>
    public static CompactionLoop? TryCreate(ILogBackend backend, LogMetadata metadata, LocalLogs logs, WoodpeckerOptions options, TimeProvider time) =>
        backend.Sealer is { } sealer ? new CompactionLoop(sealer, metadata, logs, options, time) : null;

    public CompactionStatus Status
    {
        get
        {
            lock (_lock)
            {
                return new(_metrics.Sealed, _metrics.Swept, _agenda.SweepsPlanned, _metrics.Failures, _failing.Values.FirstOrDefault(), [.. _damaged.Values], _stopped, _metrics.Requests);
            }
        }
    }

    /// <summary>What was found damaged of a log is looked at again; to be said before the log is opened, after which it may be found again at any time.</summary>
    public void ForgetDamage(string log)
    {
        lock (_lock)
        {
            foreach (var key in _damaged.Keys.Where(k => k.Log == log).ToList())
            {
                _damaged.Remove(key);
            }
        }
    }

    /// <summary>A log was opened here, or a segment of it has ended: look at it.</summary>
    public void Hear(string log)
    {
        _loop.Start();
        _agenda.Hear(log);
    }

    public async ValueTask DisposeAsync()
    {
        await _loop.DisposeAsync();
        _metrics.Dispose();
    }

    private async Task RunAsync(CancellationToken ct)
    {
        await Task.Yield(); // whoever opened the log does not wait for its old segments
        try
        {
            while (true)
            {
                var changed = _agenda.Changed;
                foreach (var log in _agenda.TakeLogs())
                {
                    await TrySealAsync(log, ct);
                }

                foreach (var sweep in _agenda.TakeSweeps())
                {
                    await TrySweepAsync(sweep, ct);
                }

                await _agenda.RestAsync(changed, ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return;
        }
        catch (Exception e)
        {
            // A fault of ours: it stays visible, and nothing more is compacted here. The log itself is whole in either form.
            lock (_lock)
            {
                _stopped = $"compaction stopped: {e.Message}";
            }

            _metrics.Failed();
        }
    }

    private async ValueTask SealAsync(string log, CancellationToken ct)
    {
        if (WriterOf(log) is not { } writer)
        {
            return;
        }

        foreach (var (segment, revision) in await _metadata.ListSegmentsAsync(log, ct))
        {
            if (segment is { State: LogSegmentState.Sealed, IsSwept: false })
            {
                _agenda.PlanSweep(log, segment.Number);
            }
            else if (segment.State == LogSegmentState.Completed && !IsKnownDamaged(log, segment.Number))
            {
                // No other try has this name: the term is ours alone, the revision this life of the log's alone.
                await SealAsync(log, segment, writer, $"{writer.Term.Value}-{revision}", ct);
            }
        }
    }

    private async ValueTask SealAsync(string log, LogSegmentRecord segment, LogWriter writer, string name, CancellationToken ct)
    {
        try
        {
            await _sealer.WriteAsync(log, segment, writer.Term, name, ct);
            var sealedNow = await _metadata.SealSegmentAsync(log, writer.Term, segment.Number, name, ct);
            if (sealedNow?.SealedAs == name)
            {
                _metrics.SegmentSealed();
                _logs.Sealed(log, segment.Number);
            }
            else
            {
                await _sealer.DropAsync(log, segment.Number, name, ct); // truncated, or sealed by another: not a takeover (W8)
            }

            if (sealedNow is { State: LogSegmentState.Sealed, IsSwept: false })
            {
                _agenda.PlanSweep(log, segment.Number);
            }
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.Corrupted or ErrorKind.Fenced or ErrorKind.NotFound)
        {
            await GiveUpAsync(log, segment, name, e, ct);
        }
    }

    /// <summary>What the blocks said counts only while they are the segment: they may have been truncated, or sealed and swept, meanwhile.</summary>
    private async ValueTask GiveUpAsync(string log, LogSegmentRecord segment, string name, MiniMilvusException why, CancellationToken ct)
    {
        var now = (await _metadata.FindSegmentAsync(log, segment.Number, ct))?.Record;
        if (now?.State != LogSegmentState.Completed && now?.SealedAs != name)
        {
            // Our own step to Sealed cannot come any more, not even one whose reply was lost: what it compares has changed.
            await _sealer.DropAsync(log, segment.Number, name, ct);
        }

        if (why.Kind == ErrorKind.Corrupted && now?.State == LogSegmentState.Completed)
        {
            lock (_lock)
            {
                _damaged[(log, segment.Number)] = why.Message;
            }

            _metrics.Failed();
        }
    }

    private async ValueTask SweepAsync(PlannedSweep sweep, CancellationToken ct)
    {
        var (log, segment) = (sweep.Log, sweep.Segment);
        if (WriterOf(log) is null || await _metadata.FindSegmentAsync(log, segment, ct) is not { Record: { State: LogSegmentState.Sealed, IsSwept: false, SealedAs: { } name } })
        {
            _logs.Swept(log, segment);
            return; // the next owner's, or the collector's, or done
        }

        if (_logs.IsReadInBlocks(log, segment))
        {
            _agenda.PlanAgain(sweep);
            return;
        }

        await _sealer.SweepAsync(log, segment, name, ct);
        await _metadata.MarkSweptAsync(log, segment, ct);
        _metrics.SegmentSwept();
        _logs.Swept(log, segment);
    }

    /// <summary>A failure that may pass is tried again, later each time.</summary>
    private async ValueTask TrySealAsync(string log, CancellationToken ct)
    {
        if (await TryAsync($"compaction of log '{log}'", () => SealAsync(log, ct), ct))
        {
            _agenda.Succeeded(log);
        }
        else
        {
            _agenda.TryAgain(log);
        }
    }

    private async ValueTask TrySweepAsync(PlannedSweep sweep, CancellationToken ct)
    {
        if (!await TryAsync($"sweep of log segment {sweep.Log}/{sweep.Segment}", () => SweepAsync(sweep, ct), ct))
        {
            _agenda.PlanAgain(sweep);
        }
    }

    private async ValueTask<bool> TryAsync(string what, Func<ValueTask> step, CancellationToken ct)
    {
        try
        {
            await step();
            lock (_lock)
            {
                _failing.Remove(what);
            }

            return true;
        }
        catch (MiniMilvusException e) when (e.Kind != ErrorKind.Internal)
        {
            ct.ThrowIfCancellationRequested();
            _metrics.Failed();
            lock (_lock)
            {
                _failing[what] = $"{what}: {e.Message}";
            }

            return false;
        }
    }

    private LogWriter? WriterOf(string log) => _logs.WriterOf(log) is { Failure: null, Stopped.IsCompleted: false } writer ? writer : null;

    private bool IsKnownDamaged(string log, long segment)
    {
        lock (_lock)
        {
            return _damaged.ContainsKey((log, segment));
        }
    }
}
