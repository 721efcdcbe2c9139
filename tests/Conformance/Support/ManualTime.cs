namespace MiniMilvus.Conformance.Support;

/// <summary>A clock that only moves when told to; timers fire inside <see cref="Advance"/>, in the order of their deadlines.</summary>
public sealed class ManualTime : TimeProvider
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
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

    /// <summary>Completes when a timer is set that is due within the given time, now or later; fails when none is in half a minute of real time.</summary>
    public Task ArmedAsync(TimeSpan within) => ArmedAsync(within, s_patience);

    internal async Task ArmedAsync(TimeSpan within, TimeSpan patience)
    {
        var armed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_timers.Any(t => t.Due - _now <= within))
            {
                return;
            }

            _waiting.Add((within, armed));
        }

        try
        {
            await armed.Task.WaitAsync(patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"expected a timer that is due within {within}, found none in {patience}; set are: {Set()}");
        }
    }

    private string Set()
    {
        lock (_lock)
        {
            return string.Join(", ", _timers.Where(t => t.Due is not null).Select(t => t.Due - _now).Order()) is { Length: > 0 } set ? set : "none";
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
