using System.Collections.Immutable;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.Meta;

/// <summary>
/// The store without its storage: checks, decides and numbers each transaction under one lock, hands its record to the commit, and answers
/// when that is durable. Answers to reads and to failed comparisons wait too: they may show what is not durable yet.
/// </summary>
internal sealed class MetaEngine : IMetaStore, IDisposable
{
    private readonly Lock _lock = new();
    private readonly MetaState _state;
    private readonly MetaHistory _history;
    private readonly IMetaCommit _commit;
    private readonly LeaseClock _leases;
    private Exception? _failure;

    public MetaEngine(MetaState state, MetaHistory history, IMetaCommit commit, TimeProvider time)
    {
        _state = state;
        _history = history;
        _commit = commit;
        _leases = new LeaseClock(time, ExpireLeases);
        foreach (var (id, timeToLive) in state.Leases)
        {
            _leases.Renew(id, timeToLive);
        }
    }

    public Exception? Failure
    {
        get
        {
            lock (_lock)
            {
                return _failure;
            }
        }
    }

    public async ValueTask<MetaEntry?> GetAsync(string key, CancellationToken ct)
    {
        MetaLimits.CheckKey(key);
        MetaEntry? found;
        Task settled;
        lock (_lock)
        {
            ThrowIfFailed();
            found = _state.Find(key);
            settled = _commit.SettledAsync(ct);
        }

        await settled;
        return found;
    }

    public async ValueTask<MetaRange> RangeAsync(string prefix, CancellationToken ct)
    {
        MetaLimits.CheckPrefix(prefix);
        MetaRange found;
        Task settled;
        lock (_lock)
        {
            ThrowIfFailed();
            found = new MetaRange(_state.Range(prefix), _state.Revision);
            settled = _commit.SettledAsync(ct);
        }

        await settled;
        return found;
    }

    public async ValueTask<MetaTransactionResult> TransactAsync(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        MetaLimits.Check(compares, operations);
        var own = Copy(operations);
        MetaTransactionResult result;
        Task done;
        lock (_lock)
        {
            ThrowIfFailed();
            if (!_state.Holds(compares))
            {
                result = new MetaTransactionResult(false, _state.Revision);
                done = _commit.SettledAsync(ct);
            }
            else if (!_state.Changes(own))
            {
                result = new MetaTransactionResult(true, _state.Revision);
                done = _commit.SettledAsync(ct);
            }
            else
            {
                CheckLeases(own);
                var record = new MetaRecord.Write(_state.Sequence + 1, _state.Revision + 1, own);
                result = new MetaTransactionResult(true, record.Revision);
                done = Append(record, ct);
            }
        }

        _commit.Kick();
        await done;
        return result;
    }

    public IAsyncEnumerable<MetaWatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct)
    {
        MetaLimits.CheckPrefix(prefix);
        return fromRevision >= 1
            ? _history.WatchAsync(prefix, fromRevision, ct)
            : throw MiniMilvusException.Invalid($"watch of '{prefix}': expected a revision of at least 1, found {fromRevision}");
    }

    public async ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (timeToLive <= TimeSpan.Zero || timeToLive > MetaLimits.LeaseMax)
        {
            throw MiniMilvusException.Invalid($"lease: expected a time to live up to {MetaLimits.LeaseMax}, found {timeToLive}");
        }

        long lease;
        Task done;
        lock (_lock)
        {
            ThrowIfFailed();
            lease = _state.Sequence + 1;
            done = Append(new MetaRecord.Grant(lease, _state.Revision, timeToLive), ct);
            _leases.Renew(lease, timeToLive);
        }

        _commit.Kick();
        await done;
        return lease;
    }

    public async ValueTask KeepAliveAsync(long lease, CancellationToken ct)
    {
        Task settled;
        lock (_lock)
        {
            ThrowIfFailed();
            if (!_leases.IsAlive(lease))
            {
                throw LeaseNotFound(lease);
            }

            _leases.Renew(lease);
            settled = _commit.SettledAsync(ct);
        }

        await settled;
    }

    public async ValueTask RevokeLeaseAsync(long lease, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        Task done;
        lock (_lock)
        {
            ThrowIfFailed();
            done = _state.HasLease(lease) ? Revoke(lease, ct) : throw LeaseNotFound(lease);
        }

        _commit.Kick();
        await done;
    }

    /// <summary>Ends everything: waits, watches, later calls.</summary>
    public void Fail(Exception failure)
    {
        lock (_lock)
        {
            _failure ??= failure;
        }

        _leases.Dispose();
        _history.Fail(failure as MiniMilvusException ?? MiniMilvusException.Unavailable($"metadata store has stopped: {failure.Message}", failure));
    }

    /// <summary>The state at this moment, which may be ahead of what is durable.</summary>
    public T Capture<T>(Func<MetaState, T> capture)
    {
        lock (_lock)
        {
            return capture(_state);
        }
    }

    public void Dispose() => _leases.Dispose();

    private Task Append(MetaRecord record, CancellationToken ct)
    {
        var before = _state.Revision;
        var events = _state.Apply(record);
        return _commit.Append(
            record,
            () =>
            {
                if (record.Revision > before)
                {
                    _history.Publish(record.Revision, events);
                }
            },
            ct);
    }

    private Task Revoke(long lease, CancellationToken ct)
    {
        _leases.Remove(lease);
        _leases.Arm();
        return Append(new MetaRecord.Revoke(_state.Sequence + 1, _state.Revision + (_state.RevokeChanges(lease) ? 1 : 0), lease), ct);
    }

    private void ExpireLeases()
    {
        lock (_lock)
        {
            if (_failure is not null)
            {
                return;
            }

            foreach (var lease in _leases.Expired())
            {
                // Nobody waits for this task; its failure is the store's failure, which every later call reports.
                _ = Revoke(lease, CancellationToken.None).ContinueWith(
                    static t => t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }

            _leases.Arm();
        }

        _commit.Kick();
    }

    private void CheckLeases(ImmutableArray<MetaOperation> operations)
    {
        foreach (var operation in operations)
        {
            if (operation is MetaOperation.Put { Lease: not 0 } put && !_leases.IsAlive(put.Lease))
            {
                throw LeaseNotFound(put.Lease);
            }
        }
    }

    private void ThrowIfFailed()
    {
        if (_failure is not null)
        {
            throw MiniMilvusException.Unavailable($"metadata store has stopped: {_failure.Message}", _failure);
        }
    }

    /// <summary>Values belong to the caller again when the call returns; the state keeps its own.</summary>
    private static ImmutableArray<MetaOperation> Copy(ImmutableArray<MetaOperation> operations) =>
        [.. operations.Select(o => o is MetaOperation.Put put ? put with { Value = put.Value.ToArray() } : o)];

    private static MiniMilvusException LeaseNotFound(long lease) =>
        MiniMilvusException.NotFound(ErrorReason.Unspecified, $"lease {lease} does not exist or has run out: take a new one");
}
