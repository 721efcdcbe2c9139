namespace MiniMilvus.Storage.Waiting;

/// <summary>
/// A number that only rises, and callers that wait until it has reached theirs. The first failure is sticky: it ends every wait, now and later.
/// </summary>
internal sealed class LevelWaiters(long level)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<(long Level, TaskCompletionSource Turn)> _waiting = new();
    private long _level = level;
    private Exception? _failure;

    public long Level
    {
        get
        {
            lock (_lock)
            {
                return _level;
            }
        }
    }

    public Exception? Failure
    {
        get
        {
            lock (_lock)
            {
                return _failure;
            }
        }
    }

    public void RaiseTo(long level)
    {
        lock (_lock)
        {
            if (level <= _level)
            {
                return;
            }

            _level = level;
            for (var node = _waiting.First; node is not null;)
            {
                var next = node.Next;
                if (node.Value.Level <= level)
                {
                    _waiting.Remove(node);
                    node.Value.Turn.TrySetResult();
                }

                node = next;
            }
        }
    }

    public void Fail(Exception failure)
    {
        lock (_lock)
        {
            _failure ??= failure;
            foreach (var (_, turn) in _waiting)
            {
                turn.TrySetException(_failure);
            }

            _waiting.Clear();
        }
    }

    /// <summary>Returns when the level is at least <paramref name="level"/>.</summary>
    public async ValueTask WaitAsync(long level, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        LinkedListNode<(long, TaskCompletionSource Turn)> node;
        lock (_lock)
        {
            if (_level >= level)
            {
                return;
            }

            if (_failure is not null)
            {
                throw _failure;
            }

            node = _waiting.AddLast((level, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)));
        }

        try
        {
            using var cancel = ct.UnsafeRegister(static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), node.Value.Turn);
            await node.Value.Turn.Task;
        }
        finally
        {
            lock (_lock)
            {
                if (node.List is not null)
                {
                    _waiting.Remove(node);
                }
            }
        }
    }
}
