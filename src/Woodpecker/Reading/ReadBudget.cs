namespace MiniMilvus.Woodpecker.Reading;

/// <summary>
/// Bytes that all readers of this process may hold before anybody asked for them (Q8). Nobody waits for it: what is refused is not read
/// ahead, and what a reader has been asked for is read without it, so a budget that is used up slows readers and cannot stop one.
/// One reader gets no more than its share.
/// </summary>
internal sealed class ReadBudget(long bytesMax)
{
    private readonly Lock _lock = new();
    private long _taken;
    private int _readers;

    public long Taken
    {
        get
        {
            lock (_lock)
            {
                return _taken;
            }
        }
    }

    public void Join()
    {
        lock (_lock)
        {
            _readers++;
        }
    }

    public void Leave()
    {
        lock (_lock)
        {
            _readers--;
        }
    }

    /// <param name="held">What the same reader has taken already.</param>
    public bool TryTake(long bytes, long held)
    {
        lock (_lock)
        {
            if (_taken + bytes > bytesMax || held + bytes > bytesMax / Math.Max(1, _readers))
            {
                return false;
            }

            _taken += bytes;
            return true;
        }
    }

    public void Give(long bytes)
    {
        lock (_lock)
        {
            _taken -= bytes;
        }
    }
}
