using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Conformance.Support;

/// <summary>A metadata store whose watches deliver nothing: whoever relies on news alone, instead of on a check, is found out.</summary>
internal sealed class DeafMetaStore(IMetaStore inner) : IMetaStore
{
    /// <summary>Set before a watch begins.</summary>
    public bool Hears { get; set; }

    public async IAsyncEnumerable<MetaWatchBatch> WatchAsync(string prefix, long fromRevision, [EnumeratorCancellation] CancellationToken ct)
    {
        if (!Hears)
        {
            await Task.Delay(Timeout.Infinite, ct);
        }

        await foreach (var batch in inner.WatchAsync(prefix, fromRevision, ct))
        {
            yield return batch;
        }
    }

    public ValueTask<MetaEntry?> GetAsync(string key, CancellationToken ct) => inner.GetAsync(key, ct);

    public ValueTask<MetaRange> RangeAsync(string prefix, CancellationToken ct) => inner.RangeAsync(prefix, ct);

    public ValueTask<MetaTransactionResult> TransactAsync(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations, CancellationToken ct) =>
        inner.TransactAsync(compares, operations, ct);

    public ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => inner.GrantLeaseAsync(timeToLive, ct);

    public ValueTask KeepAliveAsync(long lease, CancellationToken ct) => inner.KeepAliveAsync(lease, ct);

    public ValueTask RevokeLeaseAsync(long lease, CancellationToken ct) => inner.RevokeLeaseAsync(lease, ct);
}
