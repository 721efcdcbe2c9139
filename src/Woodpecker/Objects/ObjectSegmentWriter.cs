using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>Puts blocks under consecutive numbers, many at once. A number that somebody else has taken means a fence.</summary>
internal sealed class ObjectSegmentWriter(BlockObjects objects, string log, long segment, Term epoch) : ISegmentWriter
{
    private long _next;

    public async ValueTask WriteAsync(IReadOnlyList<EncodedBlock> blocks, CancellationToken ct)
    {
        // Numbers are given before the first wait: groups on their way at once keep their order.
        var first = _next;
        _next += blocks.Count;
        var puts = new Task[blocks.Count];
        for (var i = 0; i < puts.Length; i++)
        {
            puts[i] = PutAsync(first + i, blocks[i], ct);
        }

        await Task.WhenAll(puts);
    }

    /// <summary>An object is durable when its put returns.</summary>
    public ValueTask FlushAsync(CancellationToken ct) => default;

    public async ValueTask FinishAsync(BlockHeader footer, CancellationToken ct)
    {
        if (!await objects.TryPutAsync(ObjectPaths.Block(log, segment, _next), BlockObjects.Encode(footer, log, _next), ct))
        {
            throw Fenced(_next);
        }
    }

    public ValueTask DisposeAsync() => default;

    private async Task PutAsync(long number, EncodedBlock block, CancellationToken ct)
    {
        if (!await objects.TryPutAsync(ObjectPaths.Block(log, segment, number), BlockObjects.Encode(block, log, number), ct))
        {
            throw Fenced(number);
        }
    }

    private MiniMilvusException Fenced(long number) => MiniMilvusException.Fenced(
        $"log '{log}', segment {segment}, block {number}: expected to be free for the writer of epoch {epoch}, found an object of somebody else");
}
