using System.Collections.Immutable;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.Meta;

/// <summary>
/// The metadata as a state machine: entries, leases, revision. The same records applied in the same order give the same state, in memory and
/// after a replay. No time, no I/O, no locks: its owner brings those.
/// </summary>
internal sealed class MetaState
{
    private readonly SortedList<string, MetaEntry> _entries = new(StringComparer.Ordinal);
    private readonly SortedDictionary<long, Lease> _leases = [];

    public MetaState()
    {
    }

    /// <summary>A state as a snapshot recorded it.</summary>
    public MetaState(long sequence, long revision, IEnumerable<(long Id, TimeSpan TimeToLive)> leases, IEnumerable<MetaEntry> entries)
    {
        Sequence = sequence;
        Revision = revision;
        foreach (var (id, timeToLive) in leases)
        {
            _leases.Add(id, new Lease(timeToLive));
        }

        foreach (var entry in entries)
        {
            _entries.Add(entry.Key, entry);
            if (entry.Lease != 0)
            {
                LeaseOf(entry.Lease).Keys.Add(entry.Key);
            }
        }
    }

    /// <summary>As in etcd, an empty store has revision 1.</summary>
    public long Revision { get; private set; } = 1;

    /// <summary>Number of the last record applied.</summary>
    public long Sequence { get; private set; }

    public IEnumerable<MetaEntry> Entries => _entries.Values;

    public int Count => _entries.Count;

    public IEnumerable<(long Id, TimeSpan TimeToLive)> Leases => _leases.Select(l => (l.Key, l.Value.TimeToLive));

    public bool HasLease(long lease) => _leases.ContainsKey(lease);

    public MetaEntry? Find(string key) => _entries.GetValueOrDefault(key);

    public ImmutableArray<MetaEntry> Range(string prefix)
    {
        var found = ImmutableArray.CreateBuilder<MetaEntry>();
        for (var i = LowerBound(prefix); i < _entries.Count && _entries.GetKeyAtIndex(i).StartsWith(prefix, StringComparison.Ordinal); i++)
        {
            found.Add(_entries.GetValueAtIndex(i));
        }

        return found.ToImmutable();
    }

    public bool Holds(ImmutableArray<MetaCompare> compares)
    {
        foreach (var compare in compares)
        {
            var entry = Find(compare.Key);
            var holds = compare switch
            {
                MetaCompare.ModRevision c => (entry?.ModRevision ?? 0) == c.Expected,
                MetaCompare.CreateRevision c => (entry?.CreateRevision ?? 0) == c.Expected,
                MetaCompare.Value c => entry is not null && entry.Value.Span.SequenceEqual(c.Expected.Span),
                _ => throw MiniMilvusException.Internal($"unknown comparison {compare}"),
            };
            if (!holds)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether the operations change anything: a delete of an absent key does not, and then no revision is spent.</summary>
    public bool Changes(ImmutableArray<MetaOperation> operations) =>
        operations.Any(o => o is MetaOperation.Put || _entries.ContainsKey(o.Key));

    /// <summary>Whether revoking the lease deletes keys (and so spends a revision).</summary>
    public bool RevokeChanges(long lease) => LeaseOf(lease).Keys.Count > 0;

    /// <summary>Applies the next record and returns its changes, in key order of the operations. Throws Corrupted when it is not the next.</summary>
    public ImmutableArray<MetaEvent> Apply(MetaRecord record)
    {
        if (record.Sequence != Sequence + 1)
        {
            throw MiniMilvusException.Corrupted($"metadata record: expected sequence {Sequence + 1}, found {record.Sequence}");
        }

        var events = ImmutableArray.CreateBuilder<MetaEvent>();
        switch (record)
        {
            case MetaRecord.Write write:
                foreach (var operation in write.Operations)
                {
                    Apply(operation, write.Revision, events);
                }

                break;
            case MetaRecord.Grant grant:
                _leases.Add(grant.Sequence, new Lease(grant.TimeToLive));
                break;
            case MetaRecord.Revoke revoke:
                foreach (var key in LeaseOf(revoke.Lease).Keys.ToArray())
                {
                    Delete(key, revoke.Revision, events);
                }

                _leases.Remove(revoke.Lease);
                break;
            default:
                throw MiniMilvusException.Internal($"unknown metadata record {record}");
        }

        var expected = Revision + (events.Count > 0 ? 1 : 0);
        if (record.Revision != expected)
        {
            throw MiniMilvusException.Corrupted($"metadata record {record.Sequence}: expected revision {expected}, found {record.Revision}");
        }

        Revision = record.Revision;
        Sequence = record.Sequence;
        return events.ToImmutable();
    }

    private void Apply(MetaOperation operation, long revision, ImmutableArray<MetaEvent>.Builder events)
    {
        switch (operation)
        {
            case MetaOperation.Put put:
                var old = Find(put.Key);
                if (old is { Lease: not 0 } && old.Lease != put.Lease)
                {
                    LeaseOf(old.Lease).Keys.Remove(put.Key);
                }

                if (put.Lease != 0)
                {
                    LeaseOf(put.Lease).Keys.Add(put.Key);
                }

                var entry = new MetaEntry(put.Key, put.Value, old?.CreateRevision ?? revision, revision, (old?.Version ?? 0) + 1, put.Lease);
                _entries[put.Key] = entry;
                events.Add(new MetaEvent(false, entry));
                break;
            case MetaOperation.Delete delete:
                Delete(delete.Key, revision, events);
                break;
            default:
                throw MiniMilvusException.Internal($"unknown metadata operation {operation}");
        }
    }

    private void Delete(string key, long revision, ImmutableArray<MetaEvent>.Builder events)
    {
        if (!_entries.Remove(key, out var old))
        {
            return;
        }

        if (old.Lease != 0)
        {
            LeaseOf(old.Lease).Keys.Remove(key);
        }

        events.Add(new MetaEvent(true, new MetaEntry(key, default, 0, revision, 0, 0)));
    }

    private Lease LeaseOf(long lease) => _leases.TryGetValue(lease, out var found)
        ? found
        : throw MiniMilvusException.Corrupted($"metadata: lease {lease} does not exist");

    private int LowerBound(string key)
    {
        var (low, high) = (0, _entries.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (string.CompareOrdinal(_entries.GetKeyAtIndex(middle), key) < 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    private sealed class Lease(TimeSpan timeToLive)
    {
        public TimeSpan TimeToLive { get; } = timeToLive;
        public SortedSet<string> Keys { get; } = new(StringComparer.Ordinal);
    }
}
