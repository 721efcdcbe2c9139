using System.Collections.Immutable;
using MiniMilvus.Core.Concurrency;

namespace MiniMilvus.DataNode.Flush;

/// <summary>The bytes that all channels of the node hold together. Wakes every channel when the budget becomes full and when it is full no more.</summary>
internal sealed class BufferBudget(long bytesMax)
{
    private ImmutableArray<AsyncSignal> _waiters = [];
    private long _used;
    private long _peak;

    public long Used => Interlocked.Read(ref _used);
    public long Peak => Interlocked.Read(ref _peak);
    public bool IsFull => Used >= bytesMax;

    public void Charge(long bytes)
    {
        var used = Interlocked.Add(ref _used, bytes);
        long peak;
        while (used > (peak = Interlocked.Read(ref _peak)) && Interlocked.CompareExchange(ref _peak, used, peak) != peak)
        {
        }

        if (used >= bytesMax && used - bytes < bytesMax)
        {
            WakeAll();
        }
    }

    public void Refund(long bytes)
    {
        if (bytes == 0)
        {
            return;
        }

        var used = Interlocked.Add(ref _used, -bytes);
        if (used < 0)
        {
            throw Core.Errors.MiniMilvusException.Internal($"buffer budget: expected at least 0 bytes in use, found {used}");
        }

        if (used < bytesMax && used + bytes >= bytesMax)
        {
            WakeAll();
        }
    }

    public void Join(AsyncSignal signal) => ImmutableInterlocked.Update(ref _waiters, static (all, one) => all.Add(one), signal);

    public void Leave(AsyncSignal signal) => ImmutableInterlocked.Update(ref _waiters, static (all, one) => all.Remove(one), signal);

    private void WakeAll()
    {
        foreach (var waiter in _waiters)
        {
            waiter.Pulse();
        }
    }
}
