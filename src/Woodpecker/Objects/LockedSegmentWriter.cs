using MiniMilvus.Core;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>
/// Puts blocks under keys of its own, many at once and unconditionally; each group is then confirmed by the lock, in order. A group whose
/// puts failed, and every later one, is never confirmed (W2).
/// </summary>
internal sealed class LockedSegmentWriter(BlockObjects objects, BlockKeys keys, LockGuard guard) : ISegmentWriter
{
    private long _next;
    private Task _confirmed = Task.CompletedTask;

    public ValueTask WriteAsync(IReadOnlyList<EncodedBlock> blocks, CancellationToken ct)
    {
        // Numbers, and the turn to be confirmed, are given before the first wait: groups on their way at once keep their order.
        var first = _next;
        _next += blocks.Count;
        var puts = new Task[blocks.Count];
        for (var i = 0; i < puts.Length; i++)
        {
            puts[i] = objects.PutAsync(keys[first + i], BlockObjects.Encode(blocks[i], keys.Log, first + i), ct).AsTask();
        }

        _confirmed = ConfirmAsync(Task.WhenAll(puts), _confirmed, blocks[^1].Header.End, first + puts.Length, ct);
        return new(_confirmed);
    }

    /// <summary>An object is durable when its put returns.</summary>
    public ValueTask FlushAsync(CancellationToken ct) => default;

    public ValueTask FinishAsync(BlockHeader footer, CancellationToken ct) => objects.PutAsync(keys[_next], BlockObjects.Encode(footer, keys.Log, _next), ct);

    public ValueTask DisposeAsync() => default;

    private async Task ConfirmAsync(Task durable, Task before, LogPosition end, long blocks, CancellationToken ct)
    {
        await durable;
        await before;
        await guard.ConfirmAsync(end, blocks, ct);
    }
}
