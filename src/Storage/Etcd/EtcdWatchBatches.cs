using System.Collections.Immutable;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Etcd.Wire;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Storage.Etcd;

/// <summary>
/// Watch responses as batches: all changes of a revision together, those of other prefixes left out, each revision once. The watch covers the
/// whole root path, so that every change of the deployment proves how far it has come.
/// </summary>
/// <param name="heldBytesMax">Of the changes of one revision, which come in any number of fragments.</param>
internal sealed class EtcdWatchBatches(EtcdKeys keys, string prefix, long fromRevision, long heldBytesMax)
{
    private readonly List<Event> _held = [];
    private long _heldBytes;
    private long _proven = fromRevision - 1;
    private bool _isOpen;

    /// <summary>The first revision not delivered yet.</summary>
    public long Next { get; private set; } = fromRevision;

    public IReadOnlyList<MetaWatchBatch> Add(WatchResponse response)
    {
        var found = new List<MetaWatchBatch>();
        if (response.Created)
        {
            // What was held came in fragments of a connection that is gone; it comes again.
            Forget();
            if (!_isOpen)
            {
                _isOpen = true;
                // Nothing to deliver at or below either.
                found.Add(new MetaWatchBatch(Math.Min(Next - 1, response.Header.Revision), []));
            }

            return found;
        }

        if (response.Events.Count == 0 && !response.Fragment)
        {
            // Progress: in order with the changes, unlike the answer to a progress request in etcd before 3.4.25 and 3.5.8 (issue 15220).
            Flush(found);
            Pass(response.Header.Revision, found);
            return found;
        }

        foreach (var change in response.Events)
        {
            if (_held.Count > 0 && change.Kv.ModRevision != _held[0].Kv.ModRevision)
            {
                Flush(found);
            }

            if (change.Kv.ModRevision >= Next)
            {
                Hold(change);
            }
        }

        if (!response.Fragment)
        {
            Flush(found);
        }

        Pass(Next - 1, found);
        return found;
    }

    /// <summary>One revision is complete.</summary>
    private void Flush(List<MetaWatchBatch> found)
    {
        if (_held.Count == 0)
        {
            return;
        }

        var revision = _held[0].Kv.ModRevision;
        var events = _held.Select(EventOf).Where(e => e.Entry.Key.StartsWith(prefix, StringComparison.Ordinal) && e.Entry.Key[0] >= ' ').ToImmutableArray();
        if (!events.IsEmpty)
        {
            found.Add(new MetaWatchBatch(revision, events));
        }

        Next = revision + 1;
        Forget();
    }

    private void Hold(Event change)
    {
        _held.Add(change);
        _heldBytes += change.CalculateSize();
        if (_heldBytes > heldBytesMax)
        {
            throw MiniMilvusException.Invalid(
                ErrorReason.CapacityExceeded, $"etcd: watch of '{prefix}': expected up to {heldBytesMax} bytes in one revision ({nameof(EtcdOptions.RangeBytesMax)}), found more");
        }
    }

    private void Forget()
    {
        _held.Clear();
        _heldBytes = 0;
    }

    /// <summary>Proof for a revision, unless a batch or an earlier proof has given it.</summary>
    private void Pass(long revision, List<MetaWatchBatch> found)
    {
        Next = Math.Max(Next, revision + 1);
        if (revision > _proven && (found.Count == 0 || found[^1].Revision < revision))
        {
            found.Add(new MetaWatchBatch(revision, []));
        }

        _proven = Math.Max(_proven, revision);
    }

    private MetaEvent EventOf(Event change) => change.Type == Event.Types.EventType.Delete
        ? new MetaEvent(true, new MetaEntry(keys.NameOf(change.Kv.Key), default, 0, change.Kv.ModRevision, 0, 0))
        : new MetaEvent(false, keys.EntryOf(change.Kv));
}
