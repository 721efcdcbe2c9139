namespace MiniMilvus.Core.Concurrency;

/// <summary>
/// A loop that runs beside everything else from the first time that it is needed until its owner is disposed. It is handed the token that ends
/// it, and reports its failures itself: what it throws is thrown to who stops it.
/// </summary>
public sealed class BackgroundTask(Func<CancellationToken, Task> run) : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private Task? _running;
    private bool _isStopped;

    /// <summary>Once; later calls, and calls behind the stop, do nothing.</summary>
    public void Start()
    {
        lock (_lock)
        {
            _running ??= _isStopped ? Task.CompletedTask : run(_stop.Token);
        }
    }

    /// <summary>Returns when the loop has ended. False when somebody else stops it: then it may be under way still.</summary>
    public async ValueTask<bool> StopAsync()
    {
        Task? running;
        lock (_lock)
        {
            if (_isStopped)
            {
                return false;
            }

            (_isStopped, running) = (true, _running);
        }

        _stop.Cancel();
        await (running ?? Task.CompletedTask);
        _stop.Dispose();
        return true;
    }

    public async ValueTask DisposeAsync() => await StopAsync();
}
