using System.Collections.Immutable;

namespace MiniMilvus.Storage.Meta;

/// <summary>A key with its value and history, as in etcd: <see cref="Version"/> counts writes since creation.</summary>
public sealed record MetaEntry(string Key, ReadOnlyMemory<byte> Value, long CreateRevision, long ModRevision, long Version, long Lease);

/// <summary>A condition of a transaction. An absent key has all its numbers 0.</summary>
public abstract record MetaCompare(string Key)
{
    public sealed record ModRevision(string Key, long Expected) : MetaCompare(Key);

    public sealed record CreateRevision(string Key, long Expected) : MetaCompare(Key);

    public sealed record Value(string Key, ReadOnlyMemory<byte> Expected) : MetaCompare(Key);

    public static MetaCompare IsAbsent(string key) => new CreateRevision(key, 0);
}

/// <summary>One step of a transaction. A key may be written at most once in a transaction.</summary>
public abstract record MetaOperation(string Key)
{
    public sealed record Put(string Key, ReadOnlyMemory<byte> Value, long Lease = 0) : MetaOperation(Key);

    public sealed record Delete(string Key) : MetaOperation(Key);
}

/// <param name="Succeeded">Every comparison held and the operations were applied; else nothing was.</param>
/// <param name="Revision">The store's revision after the transaction.</param>
public sealed record MetaTransactionResult(bool Succeeded, long Revision);

/// <param name="Entries">In key order.</param>
/// <param name="Revision">The revision that the answer shows.</param>
public sealed record MetaRange(ImmutableArray<MetaEntry> Entries, long Revision);

/// <summary>A change: the new entry, or (for a delete) the key with <c>Value</c> empty and <c>Version</c> 0.</summary>
public sealed record MetaEvent(bool IsDelete, MetaEntry Entry);

/// <summary>
/// All changes of one revision that match a watch; or, with no events, a proof that the watch has come this far: every matching change at or
/// below <see cref="Revision"/> has been delivered. Such proofs come first of all, and when the store moved on without a match (several at once).
/// </summary>
public sealed record MetaWatchBatch(long Revision, ImmutableArray<MetaEvent> Events);

/// <summary>
/// Metadata with etcd's semantics: one global revision that rises by one with each changing transaction, compare-and-set transactions,
/// leases, watches. An empty store has revision 1. Keys are 1 to 1024 printable ASCII characters; a transaction has up to
/// 128 comparisons, 128 operations and 1.4375 MiB of keys and values (what fits etcd's default bounds). Reads are linearizable. A write is durable when it returns; one that threw Unavailable may still have happened (W14).
/// Errors: MiniMilvusException — Unavailable (try again), Invalid (bad arguments), Corrupted, NotFound (a lease that has run out).
/// </summary>
public interface IMetaStore
{
    /// <summary>Null when absent.</summary>
    ValueTask<MetaEntry?> GetAsync(string key, CancellationToken ct);

    /// <summary>All keys with the prefix ("" = every key), at one revision.</summary>
    ValueTask<MetaRange> RangeAsync(string prefix, CancellationToken ct);

    ValueTask<MetaTransactionResult> TransactAsync(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations, CancellationToken ct);

    /// <summary>
    /// Changes below a prefix from <paramref name="fromRevision"/> on (inclusive), in order, each once, for ever. The first batch arrives at once
    /// (it may be empty), so a caller knows that the watch stands. <paramref name="fromRevision"/> is at least 1 and may lie in the future. Throws Conflict when the revision is compacted: list again, then watch.
    /// </summary>
    IAsyncEnumerable<MetaWatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct);

    /// <summary>A new lease. Keys put with it vanish when it is revoked or not kept alive for <paramref name="timeToLive"/>.</summary>
    ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct);

    /// <summary>NotFound when it has run out.</summary>
    ValueTask KeepAliveAsync(long lease, CancellationToken ct);

    ValueTask RevokeLeaseAsync(long lease, CancellationToken ct);
}
