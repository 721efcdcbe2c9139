using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.DataNode.Channels;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Compaction;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.DataNode.Garbage;

/// <summary>
/// Deletes the files of segments, indexes and deletes that no record names: of attempts that crashed or lost, and of indexes that were discarded or dropped.
/// A file goes only when its attempt's number is below a horizon that was allocated while this node held the channel, and the attempt is not
/// under way here. Later owners' attempts have higher numbers, earlier owners can commit nothing any more, so what is unnamed below the
/// horizon stays unnamed for ever (S9). Readers that still have such a file open keep what they see; who comes too late finds a newer record.
/// </summary>
internal sealed class GarbageCollector(
    CatalogView catalog, IReadOnlyList<ChannelLease> leases, IObjectStore objects, LiveAttempts live, TimeProvider time, Metrics metrics, ILogger log, DataNodeOptions options)
{
    public async Task RunAsync(CancellationToken ct)
    {
        while (options.GarbageInterval > TimeSpan.Zero)
        {
            await Task.Delay(options.GarbageInterval, time, ct);
            foreach (var lease in leases.Where(l => !l.Lost.IsCancellationRequested))
            {
                try
                {
                    await CollectAsync(lease, ct);
                }
                catch (MiniMilvusException e) when (e.Kind is ErrorKind.Fenced or ErrorKind.Unavailable or ErrorKind.Corrupted)
                {
                    Log.GarbageNotCollected(log, lease.Channel, e.Message); // A fenced channel's worker ends; the rest is tried again.
                }
            }
        }
    }

    /// <summary>One round over a channel. Returns how many files went; null when an attempt is just being numbered, so that nothing can be told.</summary>
    public async Task<int?> CollectAsync(ChannelLease lease, CancellationToken ct)
    {
        var horizon = await lease.AllocateIdAsync(ct);
        if (live.Numbers() is not { } under)
        {
            return null;
        }

        // After the horizon was allocated, so that the next owner's numbers lie above it.
        await lease.CommitAsync(new ConfirmTerm(new VChannel($"{lease.Channel.Name}_0v0"), lease.Term), ct);
        var snapshot = await catalog.RefreshAsync(ct);
        var count = 0;
        foreach (var collection in snapshot.Collections.Values.Where(c => c.State == DdlState.Created && c.Channels.Any(v => v.PChannel == lease.Channel)).OrderBy(c => c.Id))
        {
            var filled = new HashSet<SegmentId>();
            var isPast = (long number) => number < horizon && !under.Contains(number);
            foreach (var key in await GarbageOfAsync(collection, snapshot, lease.Channel, isPast, filled, ct))
            {
                await objects.DeleteAsync(key, ct);
                count++;
            }

            foreach (var channel in collection.Channels.Where(c => c.PChannel == lease.Channel))
            {
                await SettleAsync(lease, collection, channel, snapshot, isPast, filled, ct);
            }
        }

        metrics.Collected(count);
        Log.GarbageCollected(log, lease.Channel, count);
        return count;
    }

    private async Task<List<string>> GarbageOfAsync(CollectionRecord collection, CatalogSnapshot snapshot, PChannel channel, Func<long, bool> isPast, HashSet<SegmentId> filled, CancellationToken ct)
    {
        var garbage = new List<string>();
        await foreach (var (key, _, _) in objects.ListAsync(ObjectPaths.CollectionPrefix(collection.Id), ct))
        {
            // What belongs to no record is a dropped partition's, which goes with it.
            if (ObjectPaths.ParseSegment(key) is not { } path || snapshot.FindSegment(path.Collection, path.Segment) is not { } segment || segment.Channel.PChannel != channel)
            {
                continue;
            }

            filled.Add(segment.Id);
            if (ObjectPaths.ParseAttempt(key) is { } number && isPast(number) && !IsNamed(segment, key, number))
            {
                garbage.Add(key);
            }
        }

        var files = collection.Channels.Where(v => v.PChannel == channel).SelectMany(v => snapshot.DeleteFilesOf(v).Values).Select(f => f.Path).ToHashSet();
        var folders = collection.Channels.Where(v => v.PChannel == channel).Select(v => $"{ObjectPaths.DeletesPrefix(collection.Id)}{v.Name}/").ToList();
        await foreach (var (key, _, _) in objects.ListAsync(ObjectPaths.DeletesPrefix(collection.Id), ct))
        {
            if (folders.Exists(f => key.StartsWith(f, StringComparison.Ordinal)) && ObjectPaths.ParseAttempt(key) is { } number && isPast(number) && !files.Contains(key))
            {
                garbage.Add(key);
            }
        }

        return garbage;
    }

    /// <summary>What the records no longer need to say: intents that ended, compacted segments whose files are gone, deletes that no segment lacks, indexes that were dropped.</summary>
    private async Task SettleAsync(
        ChannelLease lease, CollectionRecord collection, VChannel channel, CatalogSnapshot snapshot, Func<long, bool> isPast, HashSet<SegmentId> filled, CancellationToken ct)
    {
        var segments = snapshot.SegmentsOf(collection.Id).Values.Where(s => s.Channel == channel).ToList();
        // Files that were just deleted count still: a record outlives its last file by a round.
        var witness = WitnessOf(segments);
        var done = segments.Where(s => !filled.Contains(s.Id) && s.Id != witness && (s.State == SegmentState.Compacting ? isPast(s.Id.Value) : IsSettled(s))).Select(s => s.Id).ToImmutableArray();
        if (!done.IsEmpty)
        {
            await lease.CommitAsync(new ForgetSegments(channel, lease.Term, collection.Id, done), ct);
        }

        // Their files go in the next round, when no record names them.
        foreach (var (segment, file) in segments.SelectMany(s => s.Indexes.Where(f => collection.Indexes.All(i => i.Id != f.IndexId)).Select(f => (s, f))))
        {
            await lease.CommitAsync(new DiscardIndex(channel, lease.Term, segment.Id, collection.Id, file.IndexId, file.Path), ct);
        }

        var live = segments.Where(s => s.State == SegmentState.Flushed && collection.Partitions.Any(p => p.Id == s.Partition && p.State != DdlState.Dropping)).ToList();
        var checkpoint = snapshot.CheckpointOf(channel)?.Position ?? LogPosition.Beginning;
        // Below the checkpoint every row is in a flushed segment, so whoever may lack a delete is among these (S7).
        var applied = snapshot.DeleteFilesOf(channel).Values.Where(f => f.Until <= checkpoint && !live.Exists(s => CompactionPlanner.Concerns(f, s))).Select(f => f.Id).ToImmutableArray();
        if (!applied.IsEmpty)
        {
            await lease.CommitAsync(new DiscardDeletes(channel, lease.Term, collection.Id, applied), ct);
        }
    }

    // Who begins to read later must learn below which tick rows are missing (Q7), also where a compaction left none.
    private static SegmentId WitnessOf(List<SegmentRecord> segments) =>
        segments.Where(s => s.State is SegmentState.Flushed or SegmentState.Dropped && s.PurgedUntil > Timestamp.Zero).MaxBy(s => (s.PurgedUntil, s.State == SegmentState.Flushed))?.Id ?? SegmentId.None;

    private bool IsSettled(SegmentRecord segment) => (segment.State == SegmentState.Compacted || (segment.State == SegmentState.Dropped && !segment.CompactedFrom.IsEmpty))
        && time.GetUtcNow().ToUnixTimeMilliseconds() - segment.CompactedAt.UnixMilliseconds >= options.Compaction.DropTolerance.TotalMilliseconds;

    // A manifest and its columns have one attempt; an index has its own.
    private bool IsNamed(SegmentRecord segment, string key, long number) => segment.State is SegmentState.Flushed || (segment.State is SegmentState.Compacted && !IsSettled(segment))
        ? segment.Indexes.Any(i => i.Path == key) || (segment.ManifestPath.Length > 0 && !ObjectPaths.IsIndexFile(key) && ObjectPaths.ParseAttempt(segment.ManifestPath) == number)
        : false;
}
