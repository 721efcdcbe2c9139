namespace MiniMilvus.DataNode.Tests.Support;

/// <summary>Time that moves only when told. <see cref="ArmedAsync"/> tells when a timer is set, so that a test never advances too early.</summary>
internal sealed class ManualTime : TimeProvider
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private readonly Lock _lock = new();
    private readonly List<Timer> _timers = [];
    private readonly List<(Func<TimeSpan, bool> Match, TaskCompletionSource Done)> _watchers = [];
    private long _now = TimeSpan.TicksPerHour;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref _now);

    public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref _now) + DateTimeOffset.UnixEpoch.Ticks, TimeSpan.Zero);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Completes when a timer is set that is due within the given time; fails when none is in half a minute of real time.</summary>
    public async Task ArmedAsync(TimeSpan within)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_timers.Any(t => t.Due - _now <= within.Ticks))
            {
                return;
            }

            _watchers.Add((left => left <= within, done));
        }

        try
        {
            await done.Task.WaitAsync(s_patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"expected a timer that is due within {within}, found none in {s_patience}; set are: {Set()}");
        }
    }

    private string Set()
    {
        lock (_lock)
        {
            return string.Join(", ", _timers.Select(t => TimeSpan.FromTicks(t.Due - _now)).Order()) is { Length: > 0 } set ? set : "none";
        }
    }

    public void Advance(TimeSpan by)
    {
        List<Timer> due;
        lock (_lock)
        {
            Interlocked.Add(ref _now, by.Ticks);
            due = _timers.Where(t => t.Due <= _now).OrderBy(t => t.Due).ToList();
            due.ForEach(t => _timers.Remove(t));
        }

        due.ForEach(t => t.Fire());
    }

    private sealed class Timer(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        public long Due { get; private set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._lock)
            {
                time._timers.Remove(this);
                if (dueTime == Timeout.InfiniteTimeSpan)
                {
                    return true;
                }

                Due = time._now + dueTime.Ticks;
                time._timers.Add(this);
                foreach (var watcher in time._watchers.Where(w => w.Match(dueTime)).ToArray())
                {
                    time._watchers.Remove(watcher);
                    watcher.Done.SetResult();
                }
            }

            return true;
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
