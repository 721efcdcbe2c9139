using System.Collections.Concurrent;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Host.Wiring;

/// <summary>CPU-heavy work on its own threads, so that it never starves the loops that move the log; background work also yields the processors to searches. The queue is bounded by its callers' waits.</summary>
internal sealed class ThreadComputePool : IComputePool, IDisposable
{
    private readonly BlockingCollection<Action> _work = new(boundedCapacity: 4096);
    private readonly Thread[] _threads;

    public ThreadComputePool(string name, int threads, bool isBackground)
    {
        _threads = [.. Enumerable.Range(0, threads).Select(i => new Thread(() => Run(isBackground)) { Name = $"{name}-{i}", IsBackground = true })];
        foreach (var thread in _threads)
        {
            thread.Start();
        }
    }

    public Task<T> RunAsync<T>(Func<T> work, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() => Complete(work, done, ct), ct);
        return done.Task;
    }

    public void Dispose()
    {
        _work.CompleteAdding();
        foreach (var thread in _threads)
        {
            thread.Join();
        }

        _work.Dispose();
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

    private void Run(bool isBackground)
    {
        if (isBackground)
        {
            BackgroundThread.Enter();
        }

        foreach (var work in _work.GetConsumingEnumerable())
        {
            work();
        }
    }
}
