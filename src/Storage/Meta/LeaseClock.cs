namespace MiniMilvus.Storage.Meta;

/// <summary>When each lease runs out, by one timer set to the nearest deadline. Its owner serializes the calls; <c>expired</c> comes from the timer.</summary>
internal sealed class LeaseClock : IDisposable
{
    /// <summary>Within what a timer takes; a deadline beyond it is looked at again then.</summary>
    private static readonly TimeSpan LookMax = TimeSpan.FromDays(24);
    private readonly TimeProvider _time;
    private readonly Dictionary<long, (TimeSpan TimeToLive, long Renewed)> _leases = [];
    private readonly ITimer _timer;

    public LeaseClock(TimeProvider time, Action expired)
    {
        _time = time;
        _timer = time.CreateTimer(static state => ((Action)state!)(), expired, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Renew(long lease, TimeSpan timeToLive)
    {
        _leases[lease] = (timeToLive, _time.GetTimestamp());
        Arm();
    }

    public void Renew(long lease) => Renew(lease, _leases[lease].TimeToLive);

    public void Remove(long lease) => _leases.Remove(lease);

    public bool IsAlive(long lease) => _leases.TryGetValue(lease, out var found) && Remaining(found) > TimeSpan.Zero;

    /// <summary>Leases that have run out, oldest id first.</summary>
    public long[] Expired() => [.. _leases.Where(l => Remaining(l.Value) <= TimeSpan.Zero).Select(l => l.Key).Order()];

    /// <summary>Sets the timer to the nearest deadline.</summary>
    public void Arm()
    {
        if (_leases.Count == 0)
        {
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            return;
        }

        var nearest = _leases.Values.Min(Remaining);
        _timer.Change(TimeSpan.FromTicks(Math.Clamp(nearest.Ticks, TimeSpan.TicksPerMillisecond, LookMax.Ticks)), Timeout.InfiniteTimeSpan);
    }

    public void Dispose() => _timer.Dispose();

    private TimeSpan Remaining((TimeSpan TimeToLive, long Renewed) lease) => lease.TimeToLive - _time.GetElapsedTime(lease.Renewed);
}
