namespace MiniMilvus.Simulation.Scheduling;

/// <summary>A process's clock: virtual, and off by a fixed span, because clocks of machines and of restarts never agree.</summary>
internal sealed class SimTime(SimScheduler scheduler, SimProcess process, TimeSpan offset) : TimeProvider
{
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override DateTimeOffset GetUtcNow() => scheduler.UtcNow + offset;

    public override long GetTimestamp() => scheduler.Now;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SimTimer(scheduler, process, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }
}

/// <summary>A timer on the virtual clock; its callback runs in its process.</summary>
internal sealed class SimTimer(SimScheduler scheduler, SimProcess process, TimerCallback callback, object? state) : ITimer
{
    private long _due = -1;
    private TimeSpan _period;

    public bool Change(TimeSpan dueTime, TimeSpan period)
    {
        _period = period;
        if (dueTime < TimeSpan.Zero)
        {
            _due = -1;
            return true;
        }

        _due = scheduler.Now + dueTime.Ticks;
        scheduler.Arm(this, _due);
        return true;
    }

    /// <summary>Whether the entry of the queue that says <paramref name="due"/> is still meant.</summary>
    public bool Fires(long due) => _due == due && !process.IsDead;

    public void Fire(long now)
    {
        _due = -1;
        if (_period > TimeSpan.Zero)
        {
            _due = now + _period.Ticks;
            scheduler.Arm(this, _due);
        }

        process.Post(_ => callback(state), null);
    }

    public void Dispose() => _due = -1;

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }
}
