namespace MiniMilvus.QueryNode.Segments;

/// <summary>
/// Who still reads a thing: its owner, from the start, and each read that was let in. When the last of them has gone, and not before, what
/// the thing stands on is let go (Q4); from then on nobody is let in.
/// </summary>
internal sealed class HoldCount(Action letGo)
{
    private int _holds = 1;

    /// <summary>False when it has been let go.</summary>
    public bool TryHold()
    {
        while (true)
        {
            var holds = Volatile.Read(ref _holds);
            if (holds == 0)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _holds, holds + 1, holds) == holds)
            {
                return true;
            }
        }
    }

    public void Drop()
    {
        if (Interlocked.Decrement(ref _holds) == 0)
        {
            letGo();
        }
    }
}
