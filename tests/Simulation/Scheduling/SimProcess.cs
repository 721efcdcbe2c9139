namespace MiniMilvus.Simulation.Scheduling;

/// <summary>The process of the callee died before the reply: what it did is unknown.</summary>
internal sealed class ConnectionLostException(string process) : Exception($"the connection to {process} was lost");

/// <summary>
/// A process: the context in which its code runs, and its clock. When it dies nothing of it runs any more, not even a finally block, as after
/// kill -9; whoever waits for a reply from it learns that the connection is lost.
/// </summary>
internal sealed class SimProcess : SynchronizationContext
{
    private readonly SimScheduler _scheduler;
    private readonly SortedDictionary<long, Action> _calls = [];
    private readonly TaskCompletionSource _died = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _nextCall;

    public SimProcess(SimScheduler scheduler, string name, TimeSpan clockOffset)
    {
        (_scheduler, Name) = (scheduler, name);
        Time = new SimTime(scheduler, this, clockOffset);
    }

    public string Name { get; }

    public SimTime Time { get; }

    public bool IsDead { get; private set; }

    /// <summary>Completes when the process has died.</summary>
    public Task Died => _died.Task;

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (!IsDead)
        {
            _scheduler.Post(this, d, state);
        }
    }

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException("a simulated process has one thread: Send would wait for itself");

    public override SynchronizationContext CreateCopy() => this;

    /// <summary>A call from another process: runs here, its outcome returns to the caller's context.</summary>
    public Task<T> CallAsync<T>(Func<Task<T>> work)
    {
        var reply = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (IsDead)
        {
            reply.SetException(new ConnectionLostException(Name));
            return reply.Task;
        }

        var call = _nextCall++;
        _calls.Add(call, () => reply.TrySetException(new ConnectionLostException(Name)));
        Post(_ => _ = ServeAsync(call, work, reply), null);
        return reply.Task;
    }

    public void Kill()
    {
        if (IsDead)
        {
            return;
        }

        IsDead = true;
        foreach (var lose in _calls.Values)
        {
            lose();
        }

        _calls.Clear();
        _died.SetResult();
    }

    private async Task ServeAsync<T>(long call, Func<Task<T>> work, TaskCompletionSource<T> reply)
    {
        try
        {
            var result = await work();
            if (_calls.Remove(call))
            {
                reply.TrySetResult(result);
            }
        }
        catch (Exception e)
        {
            if (_calls.Remove(call))
            {
                reply.TrySetException(e);
            }
        }
    }
}
