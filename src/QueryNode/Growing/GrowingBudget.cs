using MiniMilvus.Core.Errors;

namespace MiniMilvus.QueryNode.Growing;

/// <summary>
/// Bounds the bytes of growing rows and their graphs on this node (Q8). A shard that finds the budget spent stops reading its log until a handoff gives
/// bytes back; its tSafe stands still meanwhile, so reads fail with a retriable error instead of the process running out of memory.
/// </summary>
internal sealed class GrowingBudget(long bytesMax)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource _freed = NewTurn();
    private long _used;

    public long BytesMax => bytesMax;

    public long Used
    {
        get
        {
            lock (_gate)
            {
                return _used;
            }
        }
    }

    /// <summary>Takes the bytes if there is room. A message larger than the whole budget fits when nothing else is held.</summary>
    public bool TryTake(long bytes)
    {
        lock (_gate)
        {
            if (_used > 0 && _used + bytes > bytesMax)
            {
                return false;
            }

            _used += bytes;
            return true;
        }
    }

    /// <summary>Takes bytes that come with what was let in already, a graph over its rows: beyond the bound if need be, and then reading waits.</summary>
    public void Charge(long bytes)
    {
        lock (_gate)
        {
            _used += bytes;
        }
    }

    /// <summary>Takes the bytes, waiting for room.</summary>
    public async ValueTask TakeAsync(long bytes, CancellationToken ct)
    {
        while (true)
        {
            Task freed;
            lock (_gate)
            {
                freed = _freed.Task;
            }

            if (TryTake(bytes))
            {
                return;
            }

            await freed.WaitAsync(ct);
        }
    }

    public void Give(long bytes)
    {
        TaskCompletionSource turn;
        lock (_gate)
        {
            _used -= bytes;
            if (_used < 0)
            {
                throw MiniMilvusException.Internal($"growing budget: gave back more than was taken, {_used} bytes");
            }

            turn = _freed;
            _freed = NewTurn();
        }

        turn.TrySetResult();
    }

    private static TaskCompletionSource NewTurn() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
