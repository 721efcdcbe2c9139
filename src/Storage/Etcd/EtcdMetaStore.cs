using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Etcd.Wire;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Storage.Etcd;

/// <summary>
/// Metadata in an etcd cluster (3.4 and later), under a root path. Revisions are etcd's own: what others do there spends some too. A watch shows proofs
/// for every change of the deployment, for what etcd proves by itself, and, where this store has shown a revision that nothing of ours follows,
/// within about <see cref="EtcdOptions.ProgressDelay"/>. A lease lives for whole seconds, at least etcd's own minimum.
/// </summary>
public sealed class EtcdMetaStore : IMetaStore, IDisposable
{
    private readonly EtcdOptions _options;
    private readonly TimeProvider _time;
    private readonly EtcdKeys _keys;
    private readonly EtcdClient _client;
    private readonly EtcdRange _range;
    private readonly EtcdLeases _leases;
    private readonly EtcdBeacon _beacon;

    private EtcdMetaStore(EtcdOptions options, TimeProvider time)
    {
        _options = options;
        _time = time;
        _keys = new EtcdKeys(options.Root);
        _client = new EtcdClient(options, _keys, time);
        _range = new EtcdRange(_client, _keys, options);
        _leases = new EtcdLeases(_client);
        _beacon = new EtcdBeacon(options.ProgressDelay, time, WriteBeaconAsync);
    }

    /// <summary>Reads once, so that what is wrong with the options is said now: Invalid, or Unavailable when no endpoint answers within its <see cref="EtcdOptions.RequestTimeout"/>.</summary>
    public static async ValueTask<EtcdMetaStore> OpenAsync(EtcdOptions options, TimeProvider time, CancellationToken ct)
    {
        options.Validate();
        var store = new EtcdMetaStore(options, time);
        try
        {
            for (var endpointsLeft = options.Endpoints.Count; ;)
            {
                try
                {
                    await store.GetAsync("open", ct);
                    return store;
                }
                catch (MiniMilvusException e) when (e.IsRetriable && --endpointsLeft > 0)
                {
                    // One that hangs took all the time of the call; the next call goes to the next.
                }
            }
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    public async ValueTask<MetaEntry?> GetAsync(string key, CancellationToken ct)
    {
        MetaLimits.CheckKey(key);
        var request = new RangeRequest { Key = _keys.Of(key) };
        var found = await _client.ReadAsync($"get of '{key}'", async (endpoint, call) => (await endpoint.Kv.RangeAsync(request, call)).CheckedFor(request), ct);
        return found.Kvs.Count == 0 ? null : _keys.EntryOf(found.Kvs[0]);
    }

    public async ValueTask<MetaRange> RangeAsync(string prefix, CancellationToken ct)
    {
        MetaLimits.CheckPrefix(prefix);
        var found = await _range.ReadAsync(prefix, ct);
        _beacon.Shown(found.Revision);
        return found;
    }

    public async ValueTask<MetaTransactionResult> TransactAsync(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations, CancellationToken ct)
    {
        MetaLimits.Check(compares, operations);
        var request = EtcdTransaction.RequestOf(_keys, compares, operations);
        var key = operations.IsEmpty ? compares.IsEmpty ? "" : compares[0].Key : operations[0].Key;
        // One that changes nothing may be repeated.
        var done = await _client.CallAsync(
            $"transaction on '{key}'", mayRepeat: operations.IsEmpty, async (endpoint, call) => (await endpoint.Kv.TxnAsync(request, call)).Checked(), ct);
        _beacon.Shown(done.Header.Revision);
        return new MetaTransactionResult(done.Succeeded, done.Header.Revision);
    }

    public IAsyncEnumerable<MetaWatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct)
    {
        MetaLimits.CheckPrefix(prefix);
        return fromRevision >= 1
            ? FollowAsync(prefix, fromRevision, ct)
            : throw MiniMilvusException.Invalid($"watch of '{prefix}': expected a revision of at least 1, found {fromRevision}");
    }

    public async ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => await _leases.GrantAsync(timeToLive, ct);

    public async ValueTask KeepAliveAsync(long lease, CancellationToken ct) => await _leases.KeepAliveAsync(lease, ct);

    public async ValueTask RevokeLeaseAsync(long lease, CancellationToken ct) => await _leases.RevokeAsync(lease, ct);

    public void Dispose()
    {
        _beacon.Dispose();
        _client.Dispose();
    }

    private async IAsyncEnumerable<MetaWatchBatch> FollowAsync(string prefix, long fromRevision, [EnumeratorCancellation] CancellationToken ct)
    {
        var batches = new EtcdWatchBatches(_keys, prefix, fromRevision, _options.RangeBytesMax);
        using var stream = new EtcdWatchStream(_client, _keys, _options, _time, $"watch of '{prefix}' from revision {fromRevision}");
        using var progress = _beacon.Add();
        while (true)
        {
            progress.Waits(batches.Next - 1);
            var response = await stream.NextAsync(batches.Next, ct);
            progress.Reads();
            foreach (var batch in batches.Add(response))
            {
                yield return batch;
            }
        }
    }

    private Task WriteBeaconAsync(CancellationToken ct)
    {
        var request = new TxnRequest { Success = { new RequestOp { RequestPut = new PutRequest { Key = _keys.Beacon } } } };
        return _client.WriteAsync("proof of progress", async (endpoint, call) => (await endpoint.Kv.TxnAsync(request, call)).Checked(), ct);
    }
}
