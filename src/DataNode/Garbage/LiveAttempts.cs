namespace MiniMilvus.DataNode.Garbage;

/// <summary>
/// The attempts that this node has under way: files that are being written, or are written and not committed yet, under the number of their
/// attempt. Garbage collection leaves them alone (S9).
/// </summary>
internal sealed class LiveAttempts
{
    private readonly Lock _gate = new();
    private readonly HashSet<Attempt> _under = [];

    /// <summary>Begins one, before its number is allocated. It lasts until it is disposed: after its commit, or when it was given up.</summary>
    public Attempt Begin()
    {
        var attempt = new Attempt(this);
        lock (_gate)
        {
            _under.Add(attempt);
        }

        return attempt;
    }

    /// <summary>The numbers under way; null while one is being allocated, which may be any.</summary>
    public IReadOnlySet<long>? Numbers()
    {
        lock (_gate)
        {
            return _under.Any(a => a.Number is null) ? null : _under.Select(a => a.Number!.Value).ToHashSet();
        }
    }

    private void End(Attempt attempt)
    {
        lock (_gate)
        {
            _under.Remove(attempt);
        }
    }

    internal sealed class Attempt(LiveAttempts owner) : IDisposable
    {
        private long _number = -1;

        public long? Number => Interlocked.Read(ref _number) is >= 0 and var number ? number : null;

        public long Is(long number)
        {
            Interlocked.Exchange(ref _number, number);
            return number;
        }

        public void Dispose() => owner.End(this);
    }
}
