using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Reading;

/// <summary>
/// Tells collectors in other processes what is read here (W12): one record for each log that is read without its writer being here, with the
/// oldest segment that a reading stands in, written before the reading begins and again three times in a lease's life. A process that dies
/// writes no more, and its record counts for nothing when a lease's life has passed. While nothing is read nothing is written.
/// </summary>
internal sealed class ReaderLeases : IAsyncDisposable
{
    private readonly LogMetadata _metadata;
    private readonly LocalLogs _logs;
    private readonly WoodpeckerOptions _options;
    private readonly TimeProvider _time;
    private readonly AsyncGate _gate = new();
    private readonly AsyncSignal _changed = new();
    private readonly Dictionary<string, long> _held = new(StringComparer.Ordinal);
    private readonly BackgroundTask _loop;
    private readonly Lock _lock = new();

    public ReaderLeases(LogMetadata metadata, LocalLogs logs, WoodpeckerOptions options, TimeProvider time) =>
        (_metadata, _logs, _options, _time, _loop) = (metadata, logs, options, time, new BackgroundTask(RunAsync));

    /// <summary>When it returns, whoever lists the readers of the log from now on sees that this segment and all above are needed.</summary>
    public async ValueTask HoldAsync(string log, long segment, CancellationToken ct)
    {
        if (IsHeld(log, segment))
        {
            return;
        }

        using var turn = await _gate.EnterAsync(ct);
        if (IsHeld(log, segment))
        {
            return;
        }

        await _metadata.PutReadersAsync([(log, segment)], ct);
        lock (_lock)
        {
            _held[log] = segment;
        }

        _changed.Pulse();
        _loop.Start();
    }

    /// <summary>What was held is given back at once, if metadata answers; else the leases run out.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!await _loop.StopAsync())
        {
            return;
        }

        try
        {
            using var limit = new CancellationTokenSource(_options.ReaderLeaseTime / 3, _time);
            await _metadata.RemoveReadersAsync([.. Held().Keys], limit.Token);
        }
        catch (Exception e) when (e is MiniMilvusException or OperationCanceledException)
        {
            // They run out by themselves.
        }
    }

    private async Task RunAsync(CancellationToken ct)
    {
        while (true)
        {
            try
            {
                var changed = _changed.Next;
                if (Held().Count == 0)
                {
                    await changed.WaitAsync(ct); // nothing is read: nothing is written
                }

                await Task.Delay(_options.ReaderLeaseTime / 3, _time, ct);
                using var turn = await _gate.EnterAsync(ct);
                await RenewAsync(ct);
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
            {
                // Tried often already. Who reads may lose its lease now, and is then told "truncated" where it finds nothing; the next beat holds it again.
                _logs.Reads.LeaseNotRenewed();
            }
        }
    }

    private async ValueTask RenewAsync(CancellationToken ct)
    {
        var now = Held().Keys.Select(log => (Log: log, Segment: _logs.TailOf(log) is null ? _logs.OldestSegmentInUse(log) : long.MaxValue)).ToList();
        var (read, done) = (now.Where(n => n.Segment != long.MaxValue).ToList(), now.Where(n => n.Segment == long.MaxValue).Select(n => n.Log).ToList());
        lock (_lock)
        {
            // First, so that a reading which begins now waits for its turn, and writes its own.
            done.ForEach(log => _held.Remove(log));
            read.ForEach(r => _held[r.Log] = r.Segment);
        }

        await _metadata.RemoveReadersAsync(done, ct);
        await _metadata.PutReadersAsync(read, ct);
    }

    private bool IsHeld(string log, long segment)
    {
        lock (_lock)
        {
            return _held.TryGetValue(log, out var held) && held <= segment;
        }
    }

    private Dictionary<string, long> Held()
    {
        lock (_lock)
        {
            return new(_held, StringComparer.Ordinal);
        }
    }
}
