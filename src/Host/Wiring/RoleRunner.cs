namespace MiniMilvus.Host.Wiring;

/// <summary>Keeps the roles' loops. The first that fails stops the process: a role never limps.</summary>
internal sealed class RoleRunner(ILogger logger) : IAsyncDisposable
{
    private readonly List<(string Name, CancellationTokenSource Stop, Task Loop)> _roles = [];
    private readonly TaskCompletionSource<Exception> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with the first failure of a role.</summary>
    public Task<Exception> Failed => _failed.Task;

    public void Start(string name, Func<CancellationToken, Task> run)
    {
        var stop = new CancellationTokenSource();
        _roles.Add((name, stop, WatchAsync(name, run, stop.Token)));
    }

    public void Fail(string name, Exception reason)
    {
        if (_failed.TrySetResult(reason))
        {
            Log.RoleFailed(logger, name, reason);
        }
    }

    /// <summary>Stops the roles one by one, the last started first.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var (_, stop, loop) in Enumerable.Reverse(_roles))
        {
            stop.Cancel();
            await loop;
            stop.Dispose();
        }

        _roles.Clear();
    }

    private async Task WatchAsync(string name, Func<CancellationToken, Task> run, CancellationToken ct)
    {
        try
        {
            await run(ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // Stopped as asked.
        }
        catch (Exception e)
        {
            Fail(name, e);
        }
    }
}
