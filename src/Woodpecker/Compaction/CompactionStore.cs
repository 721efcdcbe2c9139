using System.Buffers;
using System.Runtime.CompilerServices;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Woodpecker.Compaction;

/// <summary>The store as compaction uses it: its requests are counted as its own, beside the log's count.</summary>
internal sealed class CompactionStore(IObjectStore inner, CompactionMetrics metrics) : IObjectStore
{
    public async ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
    {
        metrics.Requested("put", default(ObjectRequestTotals) with { Puts = 1 });
        var info = await inner.PutAsync(key, content, condition, ct);
        metrics.Carried("put", default(ObjectRequestTotals) with { PutBytes = content.Length });
        return info;
    }

    public async ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) => Got(await Asked(inner.GetAsync(key, ct)));

    public async ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) =>
        Got(await Asked(inner.GetRangeAsync(key, offset, bytes, ct)));

    public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct)
    {
        metrics.Requested("stat", default(ObjectRequestTotals) with { Heads = 1 });
        return inner.HeadAsync(key, ct);
    }

    public async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken ct)
    {
        const int PageKeys = 1000;
        metrics.Requested("list", default(ObjectRequestTotals) with { Lists = 1 });
        var found = 0L;
        await foreach (var info in inner.ListAsync(prefix, ct))
        {
            if (found > 0 && found % PageKeys == 0)
            {
                metrics.Requested("list", default(ObjectRequestTotals) with { Lists = 1 });
            }

            found++;
            yield return info;
        }
    }

    public ValueTask DeleteAsync(string key, CancellationToken ct)
    {
        metrics.Requested("remove", default(ObjectRequestTotals) with { Deletes = 1 });
        return inner.DeleteAsync(key, ct);
    }

    private ValueTask<ReadOnlyMemory<byte>> Asked(ValueTask<ReadOnlyMemory<byte>> get)
    {
        metrics.Requested("get", default(ObjectRequestTotals) with { Gets = 1 });
        return get;
    }

    private ReadOnlyMemory<byte> Got(ReadOnlyMemory<byte> bytes)
    {
        metrics.Carried("get", default(ObjectRequestTotals) with { GetBytes = bytes.Length });
        return bytes;
    }
}
