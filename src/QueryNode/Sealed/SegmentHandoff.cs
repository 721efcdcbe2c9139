using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.QueryNode.Channels;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Compaction;

namespace MiniMilvus.QueryNode.Sealed;

/// <summary>A flushed segment whose files cannot be used, and why.</summary>
internal sealed record DamagedSegment(SegmentRecord Record, MiniMilvusException Problem);

/// <summary>
/// Station 18: brings the flushed segments of a shard in, first as its target and then one by one as the catalogue shows them, each in one
/// step (Q2, Q3). After the target they come one after the other, so delete files and buffered deletes always come from views that overlap.
/// </summary>
internal sealed class SegmentHandoff(VChannel channel, CollectionId collection, Shard shard, ShardParts parts, TimeProvider time, ILogger logger)
{
    /// <summary>
    /// Loads every flushed segment, some at once, with all deletes in files. Segments whose files are damaged or lost are left out and told of: the
    /// caller has them made anew from the log. Any other failure fails the target: it is whole or not there.
    /// </summary>
    public async Task<IReadOnlyList<DamagedSegment>> LoadTargetAsync(CatalogSnapshot view, Action<int> total, Action loaded, CancellationToken ct)
    {
        if (view.FindCollection(collection) is not { } record)
        {
            return [];
        }

        var wanted = Flushed(view, record).ToList();
        var flushed = new ConcurrentQueue<SegmentRecord>(wanted);
        total(flushed.Count);
        var segments = new ConcurrentBag<SealedSegment>();
        var damaged = new ConcurrentBag<DamagedSegment>();
        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
            await Task.WhenAll(Enumerable.Range(0, parts.Options.LoadConcurrency).Select(_ => LoadSomeAsync(stop)));
            await parts.Loader.ApplyDeletesAsync([.. segments], view.DeleteFilesOf(channel).Values.Where(f => wanted.Exists(s => CompactionPlanner.Concerns(f, s))), ct);
        }
        catch
        {
            foreach (var segment in segments)
            {
                segment.Drop();
            }

            throw;
        }

        var lineage = new Lineage(view.SegmentsOf(collection));
        foreach (var (segment, of) in segments.Join(wanted, s => s.Id, r => r.Id, (s, r) => (s, r)).OrderBy(p => p.r.Id.Value))
        {
            shard.Seal(segment, 0, lineage.AncestorsOf(of), of.PurgedUntil);
        }

        foreach (var empty in Outputs(view, record).Where(s => s.State == SegmentState.Dropped))
        {
            shard.Purge(empty.Id, lineage.AncestorsOf(empty), empty.PurgedUntil);
        }

        ReleaseGone(view, record, lineage);
        return [.. damaged];

        async Task LoadSomeAsync(CancellationTokenSource stop)
        {
            try
            {
                while (flushed.TryDequeue(out var next))
                {
                    if (await TryLoadAsync(next, record, damaged, stop.Token) is { } segment)
                    {
                        segments.Add(segment);
                    }

                    loaded();
                }
            }
            catch
            {
                stop.Cancel(); // The others stop at once, so that the first failure is heard without delay.
                throw;
            }
        }
    }

    private async ValueTask<SealedSegment?> TryLoadAsync(SegmentRecord record, CollectionRecord of, ConcurrentBag<DamagedSegment> damaged, CancellationToken ct)
    {
        SealedSegment? segment = null;
        try
        {
            segment = await parts.Loader.LoadAsync(record, ct);
            await TryLoadIndexesAsync(segment, record, of, parts.Options.RetryDelay, ct);
            return segment;
        }
        catch (MiniMilvusException e) when (segment is null && e.Kind is ErrorKind.Corrupted or ErrorKind.NotFound)
        {
            damaged.Add(new DamagedSegment(record, e));
            Log.SegmentDamaged(logger, channel, record.Id, record.Start, e.Message);
            return null;
        }
        catch
        {
            segment?.Drop();
            throw;
        }
    }

    /// <summary>Follows the catalogue until cancelled: hands off, swaps indexes in, releases, and cuts the delete buffer.</summary>
    public async Task FollowAsync(CatalogView catalog, CatalogSnapshot view, Action<LogPosition> checkpointed, CancellationToken ct)
    {
        var delay = parts.Options.RetryDelay;
        while (true)
        {
            var (hasRows, hasIndexes) = await CatchUpAsync(view, delay, ct);
            if (hasRows && view.CheckpointOf(channel) is { } checkpoint)
            {
                // Only now: a segment loaded from this view needs no delete below this view's checkpoint any more.
                shard.CutDeletes(checkpoint.Position);
                checkpointed(checkpoint.Position);
            }

            if (hasRows && hasIndexes)
            {
                delay = parts.Options.RetryDelay;
                view = await catalog.ChangedAsync(view.Revision, ct);
            }
            else
            {
                await Task.Delay(delay, time, ct);
                delay = delay * 2 < parts.Options.RetryDelayMax ? delay * 2 : parts.Options.RetryDelayMax;
                view = catalog.Current;
            }
        }
    }

    /// <returns>Whether all rows are here, and all their indexes. Rows without an index are scanned, and hold nothing else back.</returns>
    private async ValueTask<(bool HasRows, bool HasIndexes)> CatchUpAsync(CatalogSnapshot view, TimeSpan delay, CancellationToken ct)
    {
        if (view.FindCollection(collection) is not { } record)
        {
            return (true, true);
        }

        var lineage = new Lineage(view.SegmentsOf(collection));
        ReleaseGone(view, record, lineage);
        var (hasRows, hasIndexes) = (true, true);
        foreach (var segment in Flushed(view, record).Concat(Outputs(view, record).Where(s => s.State == SegmentState.Dropped)))
        {
            try
            {
                if (!shard.IsSettled(segment.Id))
                {
                    if (!segment.CompactedFrom.IsEmpty && !CanReplace(segment, record, lineage, out var isLate))
                    {
                        // What it was compacted from goes on answering.
                        hasIndexes &= !isLate;
                        hasRows &= lineage.IsHeld(segment, shard.IsSettled);
                        continue;
                    }

                    hasIndexes &= await HandOffAsync(segment, record, view, lineage, delay, ct);
                }
                else if (shard.Snapshot.Sealed.FirstOrDefault(s => s.Id == segment.Id) is { } present && present.TryHold())
                {
                    hasIndexes &= await LoadIndexesAsync(present, segment, record, delay, ct);
                }
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // The growing form, or what it was compacted from, keeps answering, so nothing is missing: try again later.
                Log.LoadFailed(logger, e, channel, segment.Id, delay);
                hasIndexes = false;
                hasRows &= !segment.CompactedFrom.IsEmpty && lineage.IsHeld(segment, shard.IsSettled);
            }
        }

        return (hasRows, hasIndexes);
    }

    /// <summary>Whether an output can take the place of what it was compacted from: nothing that is read would be missed, and no index lost (Q7, Q2).</summary>
    /// <param name="isLate">It can later, without a change of the catalogue.</param>
    private bool CanReplace(SegmentRecord output, CollectionRecord record, Lineage lineage, out bool isLate)
    {
        isLate = shard.SafeTime.Value < output.PurgedUntil;
        if (isLate || output.State == SegmentState.Dropped)
        {
            return !isLate;
        }

        var ancestors = lineage.AncestorsOf(output);
        var shown = shard.Snapshot.Sealed.Where(s => ancestors.Contains(s.Id)).ToList();
        return !record.Indexes.Any(i => output.Indexes.All(has => has.IndexId != i.Id) && shown.Exists(s => s.HasIndex(i.Field, i.Id)));
    }

    private async ValueTask<bool> HandOffAsync(SegmentRecord record, CollectionRecord collectionRecord, CatalogSnapshot view, Lineage lineage, TimeSpan delay, CancellationToken ct)
    {
        if (record.State == SegmentState.Dropped)
        {
            shard.Purge(record.Id, lineage.AncestorsOf(record), record.PurgedUntil);
            Log.HandedOff(logger, channel, record.Id, 0);
            return true;
        }

        var segment = await parts.Loader.LoadAsync(record, ct);
        bool hasIndexes;
        try
        {
            hasIndexes = await TryLoadIndexesAsync(segment, record, collectionRecord, delay, ct) is not null;
            await parts.Loader.ApplyDeletesAsync([segment], view.DeleteFilesOf(channel).Values.Where(f => CompactionPlanner.Concerns(f, record)), ct);
            // Most of the buffer outside the lock, the rest in the step that shows the segment.
            var buffered = shard.DeletesFrom(0);
            foreach (var delete in buffered)
            {
                Shard.ApplyTo(segment, delete);
            }

            shard.Seal(segment, buffered.Length, lineage.AncestorsOf(record), record.PurgedUntil);
        }
        catch
        {
            segment.Drop();
            throw;
        }

        Log.HandedOff(logger, channel, record.Id, segment.Rows);
        if (parts.Stations.IsEnabled)
        {
            parts.Stations.Emit(new StationEvent(Station.Handoff, channel.Name, record.MaxTick, record.End, segment.Rows));
        }

        return hasIndexes;
    }

    /// <returns>How many were loaded; null when it failed. The rows answer without them; what follows the catalogue tries again.</returns>
    private async ValueTask<int?> TryLoadIndexesAsync(SealedSegment segment, SegmentRecord record, CollectionRecord collectionRecord, TimeSpan delay, CancellationToken ct)
    {
        try
        {
            return await parts.Loader.LoadIndexesAsync(segment, record, collectionRecord, ct);
        }
        catch (MiniMilvusException e)
        {
            Log.LoadFailed(logger, e, channel, record.Id, delay);
            return null;
        }
    }

    private async ValueTask<bool> LoadIndexesAsync(SealedSegment held, SegmentRecord record, CollectionRecord collectionRecord, TimeSpan delay, CancellationToken ct)
    {
        try
        {
            var loaded = await TryLoadIndexesAsync(held, record, collectionRecord, delay, ct);
            if (loaded > 0)
            {
                Log.IndexLoaded(logger, channel, record.Id);
            }

            return loaded is not null;
        }
        finally
        {
            held.Drop();
        }
    }

    private IEnumerable<SegmentRecord> Flushed(CatalogSnapshot view, CollectionRecord record) =>
        view.SegmentsOf(collection).Values.Where(s => s.Channel == channel && s.State == SegmentState.Flushed && IsPresent(record, s.Partition));

    private IEnumerable<SegmentRecord> Outputs(CatalogSnapshot view, CollectionRecord record) =>
        view.SegmentsOf(collection).Values.Where(s => s.Channel == channel && Lineage.IsOutput(s) && IsPresent(record, s.Partition));

    private static bool IsPresent(CollectionRecord record, PartitionId partition) => record.Partitions.Any(p => p.Id == partition && p.State != DdlState.Dropping);

    /// <summary>Lets go what was dropped. What was compacted stays until its output takes its place; when the view cannot tell which that is, the shard starts over.</summary>
    private void ReleaseGone(CatalogSnapshot view, CollectionRecord record, Lineage lineage)
    {
        var known = view.SegmentsOf(collection);
        foreach (var dropped in known.Values.Where(s => s.Channel == channel && s.State == SegmentState.Dropped && s.CompactedFrom.IsEmpty && !shard.IsSettled(s.Id)))
        {
            shard.Release(dropped.Id);
            Log.Released(logger, channel, dropped.Id);
        }

        var replaced = Outputs(view, record).SelectMany(lineage.AncestorsOf).ToHashSet();
        foreach (var segment in shard.Snapshot.Sealed.Where(s => !known.TryGetValue(s.Id, out var r) || r.State != SegmentState.Flushed || !IsPresent(record, s.Partition)))
        {
            if (!IsPresent(record, segment.Partition) || (known.TryGetValue(segment.Id, out var now) && now.State == SegmentState.Dropped))
            {
                shard.Release(segment.Id);
                Log.Released(logger, channel, segment.Id);
            }
            else if (!replaced.Contains(segment.Id))
            {
                throw MiniMilvusException.Unavailable($"{channel}: segment {segment.Id} was compacted, and what has its rows now is not known any more");
            }
        }

        var checkpoint = view.CheckpointOf(channel)?.Position ?? LogPosition.Beginning;
        foreach (var growing in shard.Snapshot.Growing.Where(g => !replaced.Contains(g.Id) && IsPresent(record, g.Partition)))
        {
            // All rows below a checkpoint are in flushed segments: one without a record was flushed, compacted and forgotten since.
            if (known.TryGetValue(growing.Id, out var now) ? now.State == SegmentState.Compacted : shard.BeganAt(growing.Id) < checkpoint)
            {
                throw MiniMilvusException.Unavailable($"{channel}: segment {growing.Id} was flushed and compacted, and what has its rows now is not known any more");
            }
        }
    }
}
