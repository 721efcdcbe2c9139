namespace MiniMilvus.Woodpecker.Collection;

/// <summary>What is truncated and not collected, as this process knows it of the logs that it owns or truncates, and when each is to be looked at.</summary>
internal sealed class CollectionBacklog(TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, State> _logs = new(StringComparer.Ordinal);

    /// <summary>Sums over all logs.</summary>
    /// <param name="Oldest">Age of the truncation that waits longest; zero when none does.</param>
    /// <param name="Failed">Logs whose newest visit failed.</param>
    public readonly record struct Totals(long Segments, long Bytes, TimeSpan Oldest, int Failed);

    /// <summary>There is something to look at, at once.</summary>
    public void Hear(string log)
    {
        lock (_lock)
        {
            if (!_logs.TryGetValue(log, out var state))
            {
                _logs[log] = state = new State();
            }

            (state.DueAt, state.Heard) = (time.GetTimestamp(), state.Heard + 1);
        }
    }

    /// <summary>A log that the caller has no business with any more.</summary>
    public void Forget(string log)
    {
        lock (_lock)
        {
            _logs.Remove(log);
        }
    }

    /// <summary>A log to look at.</summary>
    /// <param name="In">How long from now; not positive when it is due.</param>
    /// <param name="Heard">How often it was heard of before.</param>
    /// <param name="Known">Bytes of its segments that have been measured.</param>
    /// <param name="Sweeps">Orphans are to be looked for: at the first visit, and after one that collected.</param>
    public sealed record Visit(string Log, TimeSpan In, long Heard, IReadOnlyDictionary<long, long> Known, bool Sweeps);

    /// <summary>The log to look at first; null when there is none.</summary>
    public Visit? Next()
    {
        lock (_lock)
        {
            Visit? next = null;
            var (soonest, now) = (long.MaxValue, time.GetTimestamp());
            foreach (var (log, state) in _logs)
            {
                if (state.DueAt < soonest)
                {
                    soonest = state.DueAt;
                    next = new(log, time.GetElapsedTime(now, soonest), state.Heard, state.Kept.ToDictionary(k => k.Number, k => k.Bytes), state.Sweeps);
                }
            }

            return next;
        }
    }

    /// <summary>A visit came to its end. News that came while it ran are looked at again.</summary>
    public void Visited(Visit visit, CollectionResult result)
    {
        lock (_lock)
        {
            if (!_logs.TryGetValue(visit.Log, out var state))
            {
                return;
            }

            (state.Kept, state.Failure, state.Failures, state.Sweeps) = (result.Left, null, 0, result.IsProductive);
            if (state.Heard != visit.Heard)
            {
                return;
            }

            if (result.DueIn is { } due)
            {
                state.DueAt = After(due);
            }
            else
            {
                _logs.Remove(visit.Log);
            }
        }
    }

    /// <summary>A visit failed: later again, ever more rarely up to a bound. True when it is the first failure in a row.</summary>
    public bool Failed(string log, Exception why, TimeSpan retry)
    {
        lock (_lock)
        {
            if (!_logs.TryGetValue(log, out var state))
            {
                return false;
            }

            state.Failure = why;
            state.DueAt = After(retry * (1 << Math.Min(state.Failures, 5)));
            return state.Failures++ == 0;
        }
    }

    public Totals Sum()
    {
        lock (_lock)
        {
            var kept = _logs.Values.SelectMany(s => s.Kept).ToList();
            var oldest = kept.Count == 0 ? TimeSpan.Zero : time.GetUtcNow() - kept.Min(k => k.TruncatedAt);
            return new(kept.Count, kept.Sum(k => k.Bytes), oldest > TimeSpan.Zero ? oldest : TimeSpan.Zero, _logs.Values.Count(s => s.Failure is not null));
        }
    }

    private long After(TimeSpan wait) => time.GetTimestamp() + (long)Math.Ceiling(wait.TotalSeconds * time.TimestampFrequency);

    private sealed class State
    {
        public long DueAt { get; set; }

        public long Heard { get; set; }

        public bool Sweeps { get; set; } = true;

        public IReadOnlyList<KeptSegment> Kept { get; set; } = [];

        public Exception? Failure { get; set; }

        public int Failures { get; set; }
    }
}
