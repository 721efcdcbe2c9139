using System.Collections.Immutable;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Storage.Meta;

/// <summary>Numbers of the embedded store.</summary>
public sealed record EmbeddedMetaStoreOptions
{
    /// <summary>A journal of this size is followed by a snapshot and a new one.</summary>
    public long JournalBytesMax { get; init; } = 4 * 1024 * 1024;

    /// <summary>How many revisions a watch can go back; a restart shortens it to what the journal still holds.</summary>
    public int HistoryRevisions { get; init; } = 10_000;

    /// <summary>
    /// The store lives in the process that took its leases, so at open they are all dead: revoke them at once, and a restart never waits for its
    /// own old lease. False keeps them for another full time to live.
    /// </summary>
    public bool DropLeasesAtOpen { get; init; } = true;
}

/// <summary>
/// Metadata in a folder of one process, with etcd's semantics: a snapshot, a journal, a flush before every answer. Survives a power cut at any
/// moment with everything that was acked. Another process is kept out by <see cref="FolderLock"/>, which its owner takes.
/// After a failed write or flush it answers only Unavailable and <see cref="Failure"/> says why: open it anew.
/// </summary>
public sealed class EmbeddedMetaStore : IMetaStore, IAsyncDisposable
{
    private readonly MetaEngine _engine;
    private readonly JournalCommit _commit;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private EmbeddedMetaStore(MetaEngine engine, JournalCommit commit)
    {
        _engine = engine;
        _commit = commit;
        commit.CaptureSnapshot = generation => engine.Capture(state => MetaSnapshotFormat.Encode(generation, state));
        commit.Failed = Stop;
    }

    /// <summary>Why the store stopped; null while it works.</summary>
    public Exception? Failure => _engine.Failure;

    /// <summary>Ends (never faults) when the store has failed or was disposed.</summary>
    public Task Stopped => _stopped.Task;

    /// <summary>Recovers what the folder holds (nothing: an empty store). Errors: Corrupted (restore a backup), Unavailable (the disk failed).</summary>
    public static async ValueTask<EmbeddedMetaStore> OpenAsync(IDisk disk, string folder, TimeProvider time, EmbeddedMetaStoreOptions options, CancellationToken ct)
    {
        var commit = new JournalCommit(disk, folder, options);
        try
        {
            await disk.CreateFolderAsync(folder, ct);
            var history = new MetaHistory(options.HistoryRevisions);
            var recovered = await MetaRecovery.ReadAsync(disk, folder, history, ct);
            await commit.BeginAsync(recovered, ct);
            var store = new EmbeddedMetaStore(new MetaEngine(recovered.State, history, commit, time), commit);
            if (options.DropLeasesAtOpen)
            {
                foreach (var (lease, _) in recovered.State.Leases.ToArray())
                {
                    await store.RevokeLeaseAsync(lease, ct);
                }
            }

            return store;
        }
        catch (Exception e)
        {
            await commit.CloseAsync();
            throw e is IOException io ? DiskErrors.ToUnavailable(io, $"metadata store '{folder}' cannot be opened") : e;
        }
    }

    public ValueTask<MetaEntry?> GetAsync(string key, CancellationToken ct) => _engine.GetAsync(key, ct);

    public ValueTask<MetaRange> RangeAsync(string prefix, CancellationToken ct) => _engine.RangeAsync(prefix, ct);

    public ValueTask<MetaTransactionResult> TransactAsync(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations, CancellationToken ct) =>
        _engine.TransactAsync(compares, operations, ct);

    public IAsyncEnumerable<MetaWatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct) => _engine.WatchAsync(prefix, fromRevision, ct);

    public ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => _engine.GrantLeaseAsync(timeToLive, ct);

    public ValueTask KeepAliveAsync(long lease, CancellationToken ct) => _engine.KeepAliveAsync(lease, ct);

    public ValueTask RevokeLeaseAsync(long lease, CancellationToken ct) => _engine.RevokeLeaseAsync(lease, ct);

    public async ValueTask DisposeAsync()
    {
        Stop(MiniMilvusException.Unavailable("metadata store is closed"));
        await _commit.CloseAsync();
    }

    private void Stop(Exception failure)
    {
        _engine.Fail(failure);
        _stopped.TrySetResult();
    }
}
