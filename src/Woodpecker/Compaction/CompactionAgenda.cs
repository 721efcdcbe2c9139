using MiniMilvus.Core.Concurrency;

namespace MiniMilvus.Woodpecker.Compaction;

/// <summary>A sealed segment whose small blocks are to go when the delay has passed.</summary>
internal sealed record PlannedSweep(string Log, long Segment, long Since, TimeSpan Delay);

/// <summary>What the loop has to do, and when: logs that something was heard of, tries again after a failure, sweeps after their grace.</summary>
internal sealed class CompactionAgenda(WoodpeckerOptions options, TimeProvider time)
{
    private static readonly TimeSpan RetryDelayMax = TimeSpan.FromMinutes(1);
    private readonly AsyncSignal _changed = new();
    private readonly Lock _lock = new();
    private readonly HashSet<string> _heard = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Log, long Segment), PlannedSweep> _sweeps = [];
    private readonly Dictionary<string, Retry> _retries = new(StringComparer.Ordinal);

    /// <summary>Completes at the next thing heard; take it before looking.</summary>
    public Task Changed => _changed.Next;

    public int SweepsPlanned
    {
        get
        {
            lock (_lock)
            {
                return _sweeps.Count;
            }
        }
    }

    public void Hear(string log)
    {
        lock (_lock)
        {
            _heard.Add(log);
        }

        _changed.Pulse();
    }

    public void PlanSweep(string log, long segment) => Plan(new PlannedSweep(log, segment, time.GetTimestamp(), options.CompactionGrace));

    /// <summary>It could not be done: a reader stands there, or the store failed.</summary>
    public void PlanAgain(PlannedSweep sweep)
    {
        var delay = options.CompactionGrace > options.CompactionRetryDelay ? options.CompactionGrace : options.CompactionRetryDelay;
        Plan(sweep with { Since = time.GetTimestamp(), Delay = delay });
    }

    /// <summary>Later each time in a row.</summary>
    public void TryAgain(string log)
    {
        lock (_lock)
        {
            var delay = _retries.TryGetValue(log, out var last) ? last.Delay * 2 : options.CompactionRetryDelay;
            _retries[log] = new Retry(time.GetTimestamp(), delay < RetryDelayMax ? delay : RetryDelayMax, IsTaken: false);
        }
    }

    public void Succeeded(string log)
    {
        lock (_lock)
        {
            _retries.Remove(log);
        }
    }

    public List<string> TakeLogs()
    {
        lock (_lock)
        {
            var due = _retries.Where(r => !r.Value.IsTaken && time.GetElapsedTime(r.Value.Since) >= r.Value.Delay).Select(r => r.Key).Union(_heard).Order(StringComparer.Ordinal).ToList();
            foreach (var log in due.Where(_retries.ContainsKey))
            {
                _retries[log] = _retries[log] with { IsTaken = true };
            }

            _heard.Clear();
            return due;
        }
    }

    public List<PlannedSweep> TakeSweeps()
    {
        lock (_lock)
        {
            var due = _sweeps.Values.Where(s => time.GetElapsedTime(s.Since) >= s.Delay).OrderBy(s => s.Log, StringComparer.Ordinal).ThenBy(s => s.Segment).ToList();
            due.ForEach(s => _sweeps.Remove((s.Log, s.Segment)));
            return due;
        }
    }

    /// <summary>Until something is heard after <paramref name="changed"/> was taken, or the next appointment.</summary>
    public async Task RestAsync(Task changed, CancellationToken ct)
    {
        if (Next() is not { } next)
        {
            await changed.WaitAsync(ct);
            return;
        }

        if (next > TimeSpan.Zero)
        {
            using var enough = CancellationTokenSource.CreateLinkedTokenSource(ct);
            await Task.WhenAny(changed, Task.Delay(next, time, enough.Token));
            enough.Cancel();
        }

        ct.ThrowIfCancellationRequested();
    }

    private TimeSpan? Next()
    {
        lock (_lock)
        {
            return _sweeps.Values.Select(s => s.Delay - time.GetElapsedTime(s.Since))
                .Concat(_retries.Values.Where(r => !r.IsTaken).Select(r => r.Delay - time.GetElapsedTime(r.Since)))
                .Cast<TimeSpan?>().Min();
        }
    }

    private void Plan(PlannedSweep sweep)
    {
        lock (_lock)
        {
            _sweeps.TryAdd((sweep.Log, sweep.Segment), sweep);
        }
    }

    /// <param name="Since">When it was planned.</param>
    /// <param name="Delay">From then.</param>
    /// <param name="IsTaken">It is being tried; the delay is kept in case it fails again.</param>
    private sealed record Retry(long Since, TimeSpan Delay, bool IsTaken);
}
