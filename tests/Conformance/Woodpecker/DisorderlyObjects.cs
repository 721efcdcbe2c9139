using System.Buffers;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Conformance.Woodpecker;

/// <summary>An object store whose puts come back in another order, fail before they happen, or happen and lose their reply.</summary>
internal sealed class DisorderlyObjects(IObjectStore inner, int seed, double lostReplies, double failures) : IObjectStore
{
    private readonly Random _random = new(seed);

    public int Failed { get; private set; }

    public int Lost { get; private set; }

    public async ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
    {
        int yields;
        bool fails, loses;
        lock (_random)
        {
            (yields, fails, loses) = (_random.Next(20), _random.NextDouble() < failures, _random.NextDouble() < lostReplies);
            Failed += fails ? 1 : 0;
            Lost += loses && !fails ? 1 : 0;
        }

        for (var i = 0; i < yields; i++)
        {
            await Task.Yield();
        }

        if (fails)
        {
            throw MiniMilvusException.Unavailable("injected: the put did not happen");
        }

        var info = await inner.PutAsync(key, content, condition, ct);
        return loses ? throw MiniMilvusException.Unavailable("injected: the put's reply was lost") : info;
    }

    public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) => inner.GetAsync(key, ct);

    public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) => inner.GetRangeAsync(key, offset, bytes, ct);

    public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) => inner.HeadAsync(key, ct);

    public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken ct) => inner.ListAsync(prefix, ct);

    public ValueTask DeleteAsync(string key, CancellationToken ct) => inner.DeleteAsync(key, ct);
}
