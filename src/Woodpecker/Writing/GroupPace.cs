namespace MiniMilvus.Woodpecker.Writing;

/// <summary>
/// The rate policy of a store whose requests cost money (decision 4, claim 22): a group that is not full starts at most once in an interval,
/// counted from the last start, so that the first append after a rest goes at once and a stream of small ones costs a bounded number of puts.
/// A group that presses (full, or holding up others) starts whenever it can. Guarded by the queue's lock.
/// </summary>
/// <param name="interval">Zero: every group presses.</param>
/// <param name="due">Called, by a timer, when a group that was held back may start; perhaps in vain.</param>
internal sealed class GroupPace(TimeSpan interval, TimeProvider time, Action due) : IDisposable
{
    private ITimer? _timer;
    private long? _lastStart;
    private bool _isDisposed;

    public bool IsOn => interval > TimeSpan.Zero;

    /// <summary>Whether the next group starts now, which is then counted; else <c>due</c> is called when it may.</summary>
    public bool TryStart(bool presses)
    {
        if (!IsOn)
        {
            return true;
        }

        if (!presses && _lastStart is { } last && interval - time.GetElapsedTime(last) is var rest && rest > TimeSpan.Zero)
        {
            Arm(rest);
            return false;
        }

        _lastStart = time.GetTimestamp();
        return true;
    }

    public void Dispose()
    {
        _isDisposed = true;
        _timer?.Dispose();
    }

    private void Arm(TimeSpan rest)
    {
        if (_isDisposed)
        {
            return;
        }

        // Timers count milliseconds and cut off the rest: one that fires early would be armed again for nothing.
        var whole = TimeSpan.FromMilliseconds(Math.Ceiling(rest.TotalMilliseconds));
        _timer ??= time.CreateTimer(static d => ((Action)d!)(), due, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(whole, Timeout.InfiniteTimeSpan);
    }
}
