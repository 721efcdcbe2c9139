namespace MiniMilvus.Conformance.Support;

/// <summary>A clock that only moves when told to; timers fire inside <see cref="Advance"/>, in the order of their deadlines.</summary>
public sealed class ManualTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<ManualTimer> _timers = [];
    private readonly List<(TimeSpan Within, TaskCompletionSource Armed)> _waiting = [];
    private TimeSpan _now = TimeSpan.FromDays(20_000);

    /// <summary>How many timers are set and would fire.</summary>
    public int Armed
    {
        get
        {
            lock (_lock)
            {
                return _timers.Count(t => t.Due is not null);
            }
        }
    }

    /// <summary>Completes when a timer is set that is due within the given time, now or later.</summary>
    public Task ArmedAsync(TimeSpan within)
    {
        lock (_lock)
        {
            if (_timers.Any(t => t.Due - _now <= within))
            {
                return Task.CompletedTask;
            }

            _waiting.Add((within, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)));
            return _waiting[^1].Armed.Task;
        }
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp()
    {
        lock (_lock)
        {
            return _now.Ticks;
        }
    }

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + TimeSpan.FromTicks(GetTimestamp());

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        lock (_lock)
        {
            _timers.Add(timer);
        }

        timer.Change(dueTime, period);
        return timer;
    }

    public void Advance(TimeSpan by)
    {
        var end = TimeSpan.FromTicks(GetTimestamp()) + by;
        while (true)
        {
            ManualTimer? next;
            lock (_lock)
            {
                next = _timers.Where(t => t.Due <= end).MinBy(t => t.Due);
                if (next is null)
                {
                    _now = end;
                    return;
                }

                _now = next.Due > _now ? next.Due!.Value : _now;
                next.Due = next.Period > TimeSpan.Zero ? _now + next.Period : null;
            }

            next.Fire();
        }
    }

    private sealed class ManualTimer(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        public TimeSpan? Due { get; set; }
        public TimeSpan Period { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._lock)
            {
                Due = dueTime < TimeSpan.Zero ? null : time._now + dueTime;
                Period = period;
                foreach (var waiting in time._waiting.Where(w => dueTime >= TimeSpan.Zero && dueTime <= w.Within).ToList())
                {
                    time._waiting.Remove(waiting);
                    waiting.Armed.SetResult();
                }
            }

            return true;
        }

        public void Fire() => callback(state);

        public void Dispose()
        {
            lock (time._lock)
            {
                time._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
