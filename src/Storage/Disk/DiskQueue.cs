using System.Threading.Tasks.Sources;

namespace MiniMilvus.Storage.Disk;

/// <summary>
/// Runs blocking disk calls on the thread pool, at most a fixed number at a time; the rest wait in order. One thread hop a call: what
/// awaits goes on upon the thread that did the work (or is posted to its own SynchronizationContext).
/// </summary>
internal sealed class DiskQueue
{
    private readonly Lock _lock = new();
    private readonly Queue<IThreadPoolWorkItem> _waiting = new();
    private readonly int _parallel;
    private int _running;

    public DiskQueue(int parallel)
    {
        _parallel = parallel;

        // A thread that waits for the disk must not keep the others from running: let the pool start that many more at once,
        // for it adds threads beyond its minimum only about twice a second.
        ThreadPool.GetMinThreads(out var workers, out var completions);
        var wanted = Environment.ProcessorCount + parallel;
        if (workers < wanted)
        {
            ThreadPool.SetMinThreads(wanted, completions);
        }
    }

    public ValueTask<TResult> RunAsync<TArgument, TResult>(Func<TArgument, TResult> work, TArgument argument)
    {
        var item = new Item<TArgument, TResult>(this, work, argument);
        Submit(item);
        return new ValueTask<TResult>(item, 0);
    }

    public ValueTask RunAsync<TArgument>(Func<TArgument, bool> work, TArgument argument)
    {
        var item = new Item<TArgument, bool>(this, work, argument);
        Submit(item);
        return new ValueTask(item, 0);
    }

    private void Submit(IThreadPoolWorkItem item)
    {
        lock (_lock)
        {
            if (_running == _parallel)
            {
                _waiting.Enqueue(item);
                return;
            }

            _running++;
        }

        ThreadPool.UnsafeQueueUserWorkItem(item, preferLocal: false);
    }

    private void HandOn()
    {
        IThreadPoolWorkItem? next;
        lock (_lock)
        {
            if (!_waiting.TryDequeue(out next))
            {
                _running--;
                return;
            }
        }

        ThreadPool.UnsafeQueueUserWorkItem(next, preferLocal: false);
    }

    private sealed class Item<TArgument, TResult>(DiskQueue queue, Func<TArgument, TResult> work, TArgument argument)
        : IThreadPoolWorkItem, IValueTaskSource<TResult>, IValueTaskSource
    {
        private ManualResetValueTaskSourceCore<TResult> _core;

        public void Execute()
        {
            TResult result;
            try
            {
                result = work(argument);
            }
            catch (Exception e)
            {
                queue.HandOn();
                _core.SetException(e);
                return;
            }

            queue.HandOn();
            _core.SetResult(result);
        }

        TResult IValueTaskSource<TResult>.GetResult(short token) => _core.GetResult(token);

        void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

        public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _core.OnCompleted(continuation, state, token, flags);
    }
}
