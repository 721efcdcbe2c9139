using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Host.Wiring;

/// <summary>
/// CPU-heavy work on its own threads, so that it never starves the loops that move the log; background work also yields the processors to searches.
/// Its queue is bounded: who finds it full waits. A thread without work sleeps instead of spinning, for others want the processors.
/// </summary>
internal sealed class ThreadComputePool : IComputePool, IDisposable
{
    private const int WorkMax = 4096;
    private readonly object _gate = new(); // a Lock cannot be waited for
    private readonly Queue<Action> _work = new();
    private readonly SemaphoreSlim _room = new(WorkMax);
    private readonly Thread[] _threads;
    private bool _isOver;

    /// <param name="nice">0, or how much its threads yield to others, see <see cref="BackgroundThread"/>.</param>
    public ThreadComputePool(string name, int threads, int nice = 0)
    {
        _threads = [.. Enumerable.Range(0, threads).Select(i => new Thread(() => Run(nice)) { Name = $"{name}-{i}", IsBackground = true })];
        foreach (var thread in _threads)
        {
            thread.Start();
        }
    }

    public Task<T> RunAsync<T>(Func<T> work, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _room.Wait(ct);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isOver, this);
            _work.Enqueue(() => Complete(work, done, ct));
            Monitor.Pulse(_gate);
        }

        return done.Task;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            Monitor.PulseAll(_gate);
        }

        foreach (var thread in _threads)
        {
            thread.Join();
        }

        _room.Dispose();
    }

    private static void Complete<T>(Func<T> work, TaskCompletionSource<T> done, CancellationToken ct)
    {
        if (ct.IsCancellationRequested)
        {
            done.TrySetCanceled(ct);
            return;
        }

        try
        {
            done.TrySetResult(work());
        }
        catch (OperationCanceledException e)
        {
            done.TrySetCanceled(e.CancellationToken);
        }
        catch (Exception e)
        {
            done.TrySetException(e);
        }
    }

    private void Run(int nice)
    {
        if (nice > 0)
        {
            BackgroundThread.Enter(nice);
        }

        while (TryTake() is { } work)
        {
            work();
        }
    }

    /// <summary>The next piece of work; null when there will be none any more.</summary>
    private Action? TryTake()
    {
        Action? work;
        lock (_gate)
        {
            while (!_work.TryDequeue(out work) && !_isOver)
            {
                Monitor.Wait(_gate);
            }
        }

        if (work is not null)
        {
            _room.Release();
        }

        return work;
    }
}
