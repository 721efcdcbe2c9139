namespace MiniMilvus.Core.Concurrency;

/// <summary>Wakes every waiter at once. Take <see cref="Next"/> before looking at the state, await it after: no wake-up is lost.</summary>
public sealed class AsyncSignal
{
    private TaskCompletionSource _next = New();

    /// <summary>Completes at the next <see cref="Pulse"/>.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    public void Pulse() => Interlocked.Exchange(ref _next, New()).SetResult();

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
