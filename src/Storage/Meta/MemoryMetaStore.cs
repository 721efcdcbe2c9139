using System.Collections.Immutable;

namespace MiniMilvus.Storage.Meta;

/// <summary>Metadata in memory: the contract without the disk. Gone with the process; history is bounded as in the embedded store.</summary>
public sealed class MemoryMetaStore : IMetaStore, IDisposable
{
    private readonly MetaEngine _engine;

    /// <param name="historyRevisions">How many revisions a watch can go back.</param>
    public MemoryMetaStore(TimeProvider time, int historyRevisions = 10_000)
    {
        var state = new MetaState();
        var history = new MetaHistory(historyRevisions);
        history.Begin(state.Revision);
        _engine = new MetaEngine(state, history, new MemoryCommit(), time);
    }

    public ValueTask<MetaEntry?> GetAsync(string key, CancellationToken ct) => _engine.GetAsync(key, ct);

    public ValueTask<MetaRange> RangeAsync(string prefix, CancellationToken ct) => _engine.RangeAsync(prefix, ct);

    public ValueTask<MetaTransactionResult> TransactAsync(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations, CancellationToken ct) =>
        _engine.TransactAsync(compares, operations, ct);

    public IAsyncEnumerable<MetaWatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct) => _engine.WatchAsync(prefix, fromRevision, ct);

    public ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => _engine.GrantLeaseAsync(timeToLive, ct);

    public ValueTask KeepAliveAsync(long lease, CancellationToken ct) => _engine.KeepAliveAsync(lease, ct);

    public ValueTask RevokeLeaseAsync(long lease, CancellationToken ct) => _engine.RevokeLeaseAsync(lease, ct);

    public void Dispose() => _engine.Dispose();
}
