using System.Buffers;
using MiniMilvus.DataNode.Channels;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.DataNode.Flush;

/// <summary>Tries each single call again while the store is unavailable, so that one lost reply does not repeat a whole segment. Our puts are repeatable: each name belongs to one attempt.</summary>
internal sealed class RetryingObjectStore(IObjectStore store, Retry retry) : IObjectStore
{
    public ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct) =>
        retry.RunAsync($"put {key}", token => store.PutAsync(key, content, condition, token), ct);

    public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) =>
        retry.RunAsync($"get {key}", token => store.GetAsync(key, token), ct);

    public ValueTask<FileView> ViewAsync(string key, CancellationToken ct) => retry.RunAsync($"get {key}", token => store.ViewAsync(key, token), ct);

    public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) =>
        retry.RunAsync($"get {key}", token => store.GetRangeAsync(key, offset, bytes, token), ct);

    public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) =>
        retry.RunAsync($"head {key}", token => store.HeadAsync(key, token), ct);

    public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken ct) => store.ListAsync(prefix, ct);

    public async ValueTask DeleteAsync(string key, CancellationToken ct) =>
        await retry.RunAsync($"delete {key}", async token =>
        {
            await store.DeleteAsync(key, token);
            return true;
        }, ct);
}
