using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.DataNode.Channels;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.DataNode.Garbage;

/// <summary>
/// Deletes the files of segments, indexes and deletes that no record names: of attempts that crashed or lost, and of indexes that were discarded.
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
            foreach (var key in await GarbageOfAsync(collection, snapshot, lease.Channel, number => number < horizon && !under.Contains(number), ct))
            {
                await objects.DeleteAsync(key, ct);
                count++;
            }
        }

        metrics.Collected(count);
        Log.GarbageCollected(log, lease.Channel, count);
        return count;
    }

    private async Task<List<string>> GarbageOfAsync(CollectionRecord collection, CatalogSnapshot snapshot, PChannel channel, Func<long, bool> isPast, CancellationToken ct)
    {
        var garbage = new List<string>();
        await foreach (var (key, _, _) in objects.ListAsync(ObjectPaths.CollectionPrefix(collection.Id), ct))
        {
            // What belongs to no record is a dropped partition's, which goes with it.
            if (ObjectPaths.ParseSegment(key) is { } path && snapshot.FindSegment(path.Collection, path.Segment) is { } segment && segment.Channel.PChannel == channel
                && ObjectPaths.ParseAttempt(key) is { } number && isPast(number) && !IsNamed(segment, key, number))
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

    // A manifest and its columns have one attempt; an index has its own.
    private static bool IsNamed(SegmentRecord segment, string key, long number) =>
        segment.Indexes.Any(i => i.Path == key) || (segment.ManifestPath.Length > 0 && !ObjectPaths.IsIndexFile(key) && ObjectPaths.ParseAttempt(segment.ManifestPath) == number);
}
