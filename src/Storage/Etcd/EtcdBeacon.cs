using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.Etcd;

/// <summary>
/// Moves watches over revisions that others spent. In an etcd shared with other deployments this store may show a revision (of a range, say) that
/// no change of ours follows, and whoever waits for its watch to reach it would wait for our next change. When a watch that has nothing to read stays behind
/// what was shown for <paramref name="delay"/>, one key of ours is written: that change reaches all our watches, in order. A deployment
/// that is alone in its etcd, or idle, never writes it.
/// </summary>
internal sealed class EtcdBeacon : IDisposable
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private readonly HashSet<Watch> _watches = [];
    private readonly TimeSpan _delay;
    private readonly Func<CancellationToken, Task> _write;
    private readonly ITimer _timer;
    private readonly CancellationTokenSource _stop = new();
    private long _shown;
    private long _target;
    private bool _isArmed;

    public EtcdBeacon(TimeSpan delay, TimeProvider time, Func<CancellationToken, Task> write)
    {
        _delay = delay;
        _write = write;
        _timer = time.CreateTimer(static beacon => ((EtcdBeacon)beacon!).Fire(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>A caller was shown this revision.</summary>
    public void Shown(long revision)
    {
        lock (_lock)
        {
            _shown = Math.Max(_shown, revision);
            Arm(_delay);
        }
    }

    public Watch Add()
    {
        var watch = new Watch(this);
        lock (_lock)
        {
            _watches.Add(watch);
        }

        return watch;
    }

    public void Dispose()
    {
        _timer.Dispose();
        _stop.Cancel();
    }

    private bool IsBehind(long revision) => _watches.Any(w => w.Reached < revision);

    private void Arm(TimeSpan delay)
    {
        if (!_isArmed && IsBehind(_shown))
        {
            _isArmed = true;
            _target = _shown;
            _timer.Change(delay, Timeout.InfiniteTimeSpan);
        }
    }

    // An event handler in all but name: a timer has nobody to give a task to.
    private async void Fire()
    {
        var delay = _delay;
        try
        {
            bool isBehind;
            lock (_lock)
            {
                isBehind = IsBehind(_target);
            }

            if (isBehind)
            {
                await _write(_stop.Token);
            }
        }
        catch (MiniMilvusException)
        {
            // The watches go without proof for a while; who writes or reads hears of the outage itself.
            delay = RetryDelay;
        }
        catch (OperationCanceledException)
        {
            return;
        }

        lock (_lock)
        {
            _isArmed = false;
            Arm(delay);
        }
    }

    /// <summary>How far one watch has come, while it waits for more; one whose reader is busy is not behind.</summary>
    public sealed class Watch(EtcdBeacon beacon) : IDisposable
    {
        public long Reached { get; private set; } = long.MaxValue;

        /// <summary>Everything at or below a revision was given to the reader, who waits for more.</summary>
        public void Waits(long reached)
        {
            lock (beacon._lock)
            {
                Reached = reached;
                beacon.Arm(beacon._delay);
            }
        }

        public void Reads()
        {
            lock (beacon._lock)
            {
                Reached = long.MaxValue;
            }
        }

        public void Dispose()
        {
            lock (beacon._lock)
            {
                beacon._watches.Remove(this);
            }
        }
    }
}
