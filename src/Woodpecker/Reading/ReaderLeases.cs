using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Reading;

/// <summary>
/// Tells collectors in other processes what is read here (W12): one record for each log that is read without its writer being here, with the
/// oldest segment that a reading stands in, written before the reading begins and again three times in a lease's life. A process that dies
/// writes no more, and its record counts for nothing when a lease's life has passed. While nothing is read nothing is written.
/// </summary>
internal sealed class ReaderLeases(LogMetadata metadata, LocalLogs logs, WoodpeckerOptions options, TimeProvider time) : IAsyncDisposable
{
    private readonly AsyncGate _gate = new();
    private readonly Dictionary<string, long> _held = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private Task? _running;

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

        await metadata.PutReadersAsync([(log, segment)], ct);
        lock (_lock)
        {
            _held[log] = segment;
            _running ??= _stop.IsCancellationRequested ? Task.CompletedTask : RunAsync(_stop.Token);
        }
    }

    /// <summary>What was held is given back at once, if metadata answers; else the leases run out.</summary>
    public async ValueTask DisposeAsync()
    {
        Task? running;
        lock (_lock)
        {
            if (_stop.IsCancellationRequested)
            {
                return;
            }

            _stop.Cancel();
            running = _running;
        }

        await (running ?? Task.CompletedTask);
        try
        {
            using var limit = new CancellationTokenSource(options.ReaderLeaseTime / 3, time);
            await metadata.RemoveReadersAsync([.. Held().Keys], limit.Token);
        }
        catch (Exception e) when (e is MiniMilvusException or OperationCanceledException)
        {
            // They run out by themselves.
        }

        _stop.Dispose();
    }

    private async Task RunAsync(CancellationToken ct)
    {
        while (true)
        {
            try
            {
                await Task.Delay(options.ReaderLeaseTime / 3, time, ct);
                using var turn = await _gate.EnterAsync(ct);
                await RenewAsync(ct);
                lock (_lock)
                {
                    if (_held.Count == 0)
                    {
                        _running = null; // until the next one holds something
                        return;
                    }
                }
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
            {
                // Tried often already. Who reads may lose its lease now, and is then told "truncated" where it finds nothing; the next beat holds it again.
                logs.Reads.LeaseNotRenewed();
            }
        }
    }

    private async ValueTask RenewAsync(CancellationToken ct)
    {
        var now = Held().Keys.Select(log => (Log: log, Segment: logs.TailOf(log) is null ? logs.OldestSegmentInUse(log) : long.MaxValue)).ToList();
        var (read, done) = (now.Where(n => n.Segment != long.MaxValue).ToList(), now.Where(n => n.Segment == long.MaxValue).Select(n => n.Log).ToList());
        lock (_lock)
        {
            // First, so that a reading which begins now waits for its turn, and writes its own.
            done.ForEach(log => _held.Remove(log));
            read.ForEach(r => _held[r.Log] = r.Segment);
        }

        await metadata.RemoveReadersAsync(done, ct);
        await metadata.PutReadersAsync(read, ct);
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
