using MiniMilvus.Core.Time;

namespace MiniMilvus.QueryNode.Channels;

/// <summary>A shard's tSafe: everything at or below it is visible here. It only rises; readers wait until it has reached their guarantee.</summary>
internal sealed class SafeTime
{
    private readonly Lock _gate = new();
    private readonly LinkedList<Waiter> _waiters = new();
    private ulong _value;
    private Exception? _failure;

    public Timestamp Value => new(Volatile.Read(ref _value));

    public void AdvanceTo(Timestamp tick)
    {
        if (tick.Value <= Volatile.Read(ref _value))
        {
            return;
        }

        lock (_gate)
        {
            Volatile.Write(ref _value, Math.Max(_value, tick.Value));
            for (var node = _waiters.First; node is not null;)
            {
                var next = node.Next;
                if (node.Value.Guarantee <= tick)
                {
                    _waiters.Remove(node);
                    node.Value.Turn.TrySetResult();
                }

                node = next;
            }
        }
    }

    /// <summary>Returns when tSafe ≥ <paramref name="guarantee"/>; costs nothing when it already is.</summary>
    public ValueTask WaitAsync(Timestamp guarantee, CancellationToken ct) =>
        Value >= guarantee ? ValueTask.CompletedTask : new ValueTask(WaitSlowAsync(guarantee, ct));

    /// <summary>Ends every wait with the failure, now and later: the shard has gone.</summary>
    public void Fail(Exception failure)
    {
        lock (_gate)
        {
            _failure ??= failure;
            foreach (var waiter in _waiters)
            {
                waiter.Turn.TrySetException(failure);
            }

            _waiters.Clear();
        }
    }

    private async Task WaitSlowAsync(Timestamp guarantee, CancellationToken ct)
    {
        LinkedListNode<Waiter> node;
        lock (_gate)
        {
            if (Value >= guarantee)
            {
                return;
            }

            if (_failure is not null)
            {
                throw _failure;
            }

            node = _waiters.AddLast(new Waiter(guarantee, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)));
        }

        try
        {
            using var cancel = ct.UnsafeRegister(static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), node.Value.Turn);
            await node.Value.Turn.Task;
        }
        finally
        {
            lock (_gate)
            {
                if (node.List is not null)
                {
                    _waiters.Remove(node);
                }
            }
        }
    }

    private readonly record struct Waiter(Timestamp Guarantee, TaskCompletionSource Turn);
}
