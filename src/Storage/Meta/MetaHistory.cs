using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Waiting;

namespace MiniMilvus.Storage.Meta;

/// <summary>
/// The last published revisions, and the watches that read them. A watch holds no queue of its own: it pulls from here, so a slow one costs
/// nothing and, when it falls off the end, is told Conflict (list again).
/// </summary>
internal sealed class MetaHistory(int revisionsMax)
{
    private const int BatchesPerPull = 256;
    private readonly Lock _lock = new();
    private readonly Queue<MetaWatchBatch> _batches = new();
    private readonly LevelWaiters _published = new(0);
    private long _first = 1;

    /// <summary>The newest revision that everybody may see.</summary>
    public long Published => _published.Level;

    /// <summary>Starts at a recovered revision, without what led to it.</summary>
    public void Begin(long revision)
    {
        _first = revision + 1;
        _published.RaiseTo(revision);
    }

    /// <summary>The next revision, in order.</summary>
    public void Publish(long revision, ImmutableArray<MetaEvent> events)
    {
        lock (_lock)
        {
            if (revision != _first + _batches.Count)
            {
                throw MiniMilvusException.Internal($"metadata: published revision {revision}, expected {_first + _batches.Count}");
            }

            _batches.Enqueue(new MetaWatchBatch(revision, events));
            if (_batches.Count > revisionsMax)
            {
                _batches.Dequeue();
                _first++;
            }
        }

        _published.RaiseTo(revision);
    }

    public void Fail(Exception failure) => _published.Fail(failure);

    public async IAsyncEnumerable<MetaWatchBatch> WatchAsync(string prefix, long fromRevision, [EnumeratorCancellation] CancellationToken ct)
    {
        var next = fromRevision;
        var told = -1L;
        while (true)
        {
            ct.ThrowIfCancellationRequested();
            if (_published.Failure is { } failure)
            {
                throw failure;
            }

            var (batches, seen) = Pull(prefix, next);
            foreach (var batch in batches)
            {
                told = batch.Revision;
                yield return batch;
            }

            next = Math.Max(next, seen + 1);
            if (told < seen)
            {
                told = seen;
                yield return new MetaWatchBatch(seen, []);
            }

            await _published.WaitAsync(seen + 1, ct);
        }
    }

    private (List<MetaWatchBatch> Batches, long Seen) Pull(string prefix, long next)
    {
        var found = new List<MetaWatchBatch>();
        lock (_lock)
        {
            var published = _first + _batches.Count - 1;
            if (next < _first)
            {
                throw MiniMilvusException.Conflict(ErrorReason.Unspecified, $"metadata: revision {next} is compacted, the oldest kept is {_first}: list again, then watch");
            }

            if (next > published)
            {
                return (found, published);
            }

            foreach (var batch in _batches.Skip((int)(next - _first)))
            {
                var events = prefix.Length == 0 ? batch.Events : batch.Events.RemoveAll(e => !e.Entry.Key.StartsWith(prefix, StringComparison.Ordinal));
                if (events.Length > 0)
                {
                    found.Add(batch with { Events = events });
                    if (found.Count == BatchesPerPull)
                    {
                        return (found, batch.Revision);
                    }
                }
            }

            return (found, published);
        }
    }
}
