namespace MiniMilvus.Simulation.Scheduling;

/// <summary>
/// Holds the thread pool still. The base library completes some things there whatever we do (WaitAsync, WhenAny and WhenAll over a completion
/// source that runs its continuations asynchronously, ReadAllAsync of a channel), which would race with the scheduler. Here every pool thread is
/// parked; between two steps of the scheduler one of them runs what was queued, in the order in which it was queued, while the scheduler waits.
/// So there is never more than one thread at work, and the order is the same every time.
/// </summary>
internal sealed class ThreadPoolGate : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(300);
    private static int _busy = -1;

    private readonly (int Workers, int Io) _min;
    private readonly (int Workers, int Io) _max;
    private readonly ManualResetEventSlim _open = new();
    private readonly SemaphoreSlim _parked = new(0);
    private Parking _runner = null!;

    public ThreadPoolGate()
    {
        ThreadPool.GetMinThreads(out _min.Workers, out _min.Io);
        ThreadPool.GetMaxThreads(out _max.Workers, out _max.Io);
        var workers = Math.Max(8, Environment.ProcessorCount);
        if (!ThreadPool.SetMinThreads(workers, _min.Io) || !ThreadPool.SetMaxThreads(workers, _max.Io))
        {
            throw new InvalidOperationException($"the thread pool refuses {workers} threads");
        }

        try
        {
            ParkRunner();
            WaitForParking();
            ParkOthers(workers - 1);
        }
        catch
        {
            Open();
            throw;
        }
    }

    /// <summary>How many times the pool had something to do: completions that left the scheduler and came back.</summary>
    public long Excursions { get; private set; }

    /// <summary>Lets the pool run what was queued since the last step; returns when it is still again.</summary>
    public void Drain()
    {
        while (ThreadPool.PendingWorkItemCount > 0)
        {
            Excursions++;
            var running = _runner;
            ParkRunner(); // Queued behind the work: the thread parks again when the work is done.
            running.Release();
            WaitForParking();
        }
    }

    public void Dispose()
    {
        try
        {
            Drain();
        }
        finally
        {
            Open();
        }
    }

    private void Open()
    {
        _open.Set();
        _runner.Release();
        ThreadPool.SetMaxThreads(_max.Workers, _max.Io);
        ThreadPool.SetMinThreads(_min.Workers, _min.Io);
    }

    /// <summary>The test host blocks some threads of the pool for as long as it lives: those need no parking.</summary>
    private void ParkOthers(int threads)
    {
        var others = Enumerable.Range(0, threads).Select(_ => new Parking(_parked, null, _open)).ToList();
        foreach (var other in others)
        {
            ThreadPool.UnsafeQueueUserWorkItem(other, preferLocal: false);
        }

        var expected = _busy < 0 ? threads : threads - _busy;
        var parked = 0;
        while (parked < threads && _parked.Wait(parked < expected && _busy >= 0 ? Patience : Settling))
        {
            parked++;
        }

        _busy = threads - parked;
        foreach (var other in others)
        {
            other.Cancel();
        }

        Drain();
        Excursions = 0;
    }

    private void ParkRunner()
    {
        _runner = new Parking(_parked, new SemaphoreSlim(0), null);
        ThreadPool.UnsafeQueueUserWorkItem(_runner, preferLocal: false);
    }

    private void WaitForParking()
    {
        if (!_parked.Wait(Patience))
        {
            throw new InvalidOperationException($"the thread pool did not come to rest within {Patience}: something blocks one of its threads");
        }
    }

    private sealed class Parking(SemaphoreSlim parked, SemaphoreSlim? release, ManualResetEventSlim? open) : IThreadPoolWorkItem
    {
        private int _state;

        public void Release() => release!.Release();

        /// <summary>Nobody needs it any more, unless a thread has parked in it.</summary>
        public void Cancel() => Interlocked.CompareExchange(ref _state, 2, 0);

        public void Execute()
        {
            if (Interlocked.CompareExchange(ref _state, 1, 0) != 0)
            {
                return;
            }

            parked.Release();
            release?.Wait();
            open?.Wait();
        }
    }
}
