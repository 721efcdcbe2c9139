using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Simulation.Exploration;

/// <summary>Metadata as small as its contract allows: keys, revisions, transactions. What it holds can be told as one number.</summary>
internal sealed class SmallMeta
{
    private readonly SortedDictionary<string, MetaEntry> _entries = new(StringComparer.Ordinal);
    private long _revision = 1;
    private long _lease;

    public ulong State => _entries.Values.Aggregate((ulong)_revision, (hash, e) => Fold.Of(hash, Of(e)));

    /// <summary>The store as one process reaches it.</summary>
    public IMetaStore For(Actor actor) => new Client(this, actor);

    private MetaTransactionResult Transact(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations)
    {
        if (!compares.All(Holds))
        {
            return new MetaTransactionResult(false, _revision);
        }

        _revision++;
        foreach (var operation in operations)
        {
            var found = _entries.GetValueOrDefault(operation.Key);
            if (operation is MetaOperation.Put put)
            {
                _entries[put.Key] = new MetaEntry(put.Key, put.Value.ToArray(), found?.CreateRevision ?? _revision, _revision, (found?.Version ?? 0) + 1, put.Lease);
            }
            else
            {
                _entries.Remove(operation.Key);
            }
        }

        return new MetaTransactionResult(true, _revision);
    }

    private bool Holds(MetaCompare compare)
    {
        var found = _entries.GetValueOrDefault(compare.Key);
        return compare switch
        {
            MetaCompare.ModRevision mod => (found?.ModRevision ?? 0) == mod.Expected,
            MetaCompare.CreateRevision create => (found?.CreateRevision ?? 0) == create.Expected,
            MetaCompare.Value value => found is not null && found.Value.Span.SequenceEqual(value.Expected.Span),
            _ => throw new ArgumentOutOfRangeException(nameof(compare), compare, null),
        };
    }

    private static ulong Of(MetaEntry? entry) => entry is null ? 0 : Fold.Of(Fold.Of(Fold.Of(entry.Key), Fold.Of(entry.Value.Span)), (ulong)entry.ModRevision);

    private sealed class Client(SmallMeta meta, Actor actor) : IMetaStore
    {
        public ValueTask<MetaEntry?> GetAsync(string key, CancellationToken ct) =>
            actor.StepAsync($"look at {key}", canBreak: true, changes: false, () => new ValueTask<MetaEntry?>(meta._entries.GetValueOrDefault(key)), Of);

        /// <summary>What a process asks for all its logs at once (news, what to collect) is no step of the one that is looked at: it is answered at once.</summary>
        public ValueTask<MetaRange> RangeAsync(string prefix, CancellationToken ct) => prefix.Contains("/log/", StringComparison.Ordinal)
            ? actor.StepAsync($"list {prefix}", canBreak: true, changes: false, () => new ValueTask<MetaRange>(Range(prefix)), range => range.Entries.Aggregate((ulong)range.Revision, (hash, e) => Fold.Of(hash, Of(e))))
            : new ValueTask<MetaRange>(Range(prefix));

        public ValueTask<MetaTransactionResult> TransactAsync(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations, CancellationToken ct) => actor.StepAsync(
            $"change {operations[0].Key}",
            canBreak: true,
            changes: true,
            () => new ValueTask<MetaTransactionResult>(meta.Transact(compares, operations)),
            result => Fold.Of((ulong)result.Revision, result.Succeeded ? 1UL : 0));

        private MetaRange Range(string prefix) => new([.. meta._entries.Values.Where(e => e.Key.StartsWith(prefix, StringComparison.Ordinal))], meta._revision);

        /// <summary>Brings no news, ever: they are a courtesy.</summary>
        public async IAsyncEnumerable<MetaWatchBatch> WatchAsync(string prefix, long fromRevision, [EnumeratorCancellation] CancellationToken ct)
        {
            await Task.Delay(Timeout.Infinite, ct);
            yield break;
        }

        /// <summary>A lease never runs out here: who dies holds what it held.</summary>
        public ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) =>
            actor.StepAsync("grant lease", canBreak: true, changes: true, () => new ValueTask<long>(++meta._lease), lease => (ulong)lease);

        public ValueTask KeepAliveAsync(long lease, CancellationToken ct) => default;

        public async ValueTask RevokeLeaseAsync(long lease, CancellationToken ct) => await actor.StepAsync(
            "revoke lease",
            canBreak: true,
            changes: true,
            () =>
            {
                foreach (var key in meta._entries.Values.Where(e => e.Lease == lease).Select(e => e.Key).ToList())
                {
                    meta._entries.Remove(key);
                    meta._revision++;
                }

                return new ValueTask<bool>(true);
            },
            _ => 1);
    }
}
