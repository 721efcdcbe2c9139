namespace MiniMilvus.Storage.Waiting;

/// <summary>
/// A mutual exclusion that can be awaited: first come, first served, cancellable. Waiters go on through their own SynchronizationContext,
/// which is why it is not a SemaphoreSlim (decision 9).
/// </summary>
internal sealed class AsyncGate
{
    private readonly Lock _lock = new();
    private readonly LinkedList<TaskCompletionSource> _waiting = new();
    private bool _taken;

    /// <summary>Waits for the turn; dispose the pass to hand it on.</summary>
    public async ValueTask<Pass> EnterAsync(CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        TaskCompletionSource? turn = null;
        lock (_lock)
        {
            if (_taken)
            {
                turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _waiting.AddLast(turn);
            }

            _taken = true;
        }

        if (turn is not null)
        {
            using var cancel = ct.UnsafeRegister(static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), turn);
            await turn.Task;
        }

        return new Pass(this);
    }

    private void Leave()
    {
        lock (_lock)
        {
            while (_waiting.First is { } first)
            {
                _waiting.RemoveFirst();
                if (first.Value.TrySetResult())
                {
                    return;
                }
            }

            _taken = false;
        }
    }

    internal readonly struct Pass(AsyncGate gate) : IDisposable
    {
        public void Dispose() => gate.Leave();
    }
}

/// <summary>One <see cref="AsyncGate"/> a key, kept only while somebody holds or awaits it.</summary>
internal sealed class KeyedGate
{
    private readonly Dictionary<string, Slot> _slots = new(StringComparer.Ordinal);

    public async ValueTask<Pass> EnterAsync(string key, CancellationToken ct)
    {
        Slot? slot;
        lock (_slots)
        {
            if (!_slots.TryGetValue(key, out slot))
            {
                _slots[key] = slot = new Slot();
            }

            slot.Users++;
        }

        try
        {
            return new Pass(this, key, slot, await slot.Gate.EnterAsync(ct));
        }
        catch
        {
            Drop(key, slot);
            throw;
        }
    }

    private void Drop(string key, Slot slot)
    {
        lock (_slots)
        {
            if (--slot.Users == 0)
            {
                _slots.Remove(key);
            }
        }
    }

    internal sealed class Slot
    {
        public AsyncGate Gate { get; } = new();
        public int Users { get; set; }
    }

    internal readonly struct Pass(KeyedGate owner, string key, Slot slot, AsyncGate.Pass inner) : IDisposable
    {
        public void Dispose()
        {
            inner.Dispose();
            owner.Drop(key, slot);
        }
    }
}
