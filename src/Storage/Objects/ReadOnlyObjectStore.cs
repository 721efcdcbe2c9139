using System.Buffers;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Storage.Objects;

/// <summary>A store that can be looked at and not changed: what would write is Invalid before it reaches the store below.</summary>
public sealed class ReadOnlyObjectStore(IObjectStore store) : IObjectStore
{
    public ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct) => throw Refused($"put of '{key}'");

    public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) => store.GetAsync(key, ct);

    public ValueTask<FileView> ViewAsync(string key, CancellationToken ct) => store.ViewAsync(key, ct);

    public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) => store.GetRangeAsync(key, offset, bytes, ct);

    public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) => store.HeadAsync(key, ct);

    public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken ct) => store.ListAsync(prefix, ct);

    public ValueTask DeleteAsync(string key, CancellationToken ct) => throw Refused($"delete of '{key}'");

    private static MiniMilvusException Refused(string what) => MiniMilvusException.Invalid($"{what}: this store was opened for reading only");
}
