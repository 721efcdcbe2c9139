using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.DataNode.Tests.Support;

/// <summary>
/// What a reader makes of the files at a tick, beside what the log says: plain lists, looked through from end to end. A reader takes the flushed
/// segments and applies to each the deletes that it does not have (S8); it may do so at every tick that no segment has purged past (Q7).
/// </summary>
internal static class CompactionTruth
{
    public static async Task CheckAsync(World world, CatalogSnapshot snapshot, VChannel shard)
    {
        var collection = World.CollectionOf(shard);
        var segments = snapshot.SegmentsOf(collection).Values.Where(s => s.State == SegmentState.Flushed).ToList();
        var rows = new List<(long Key, ulong Tick, LogPosition DeletesUntil)>();
        foreach (var segment in segments)
        {
            var stored = await Truth.StoredAsync(world.Objects, segment);
            Assert.Equal(stored.Count, segment.Rows);
            Assert.Equal(stored.Select(r => r.Tick).Order(), stored.Select(r => r.Tick));
            rows.AddRange(stored.Select(r => (r.Key, r.Tick, segment.DeletesUntil)));
        }

        var deletes = new List<(long Key, ulong Tick, LogPosition Until)>();
        foreach (var file in snapshot.DeleteFilesOf(shard).Values)
        {
            var batch = await DeleteFile.ReadAsync(world.Objects, file.Path, collection, default);
            deletes.AddRange(Enumerable.Range(0, batch.Count).Select(i => (RowBatch.KeyOf(batch.Keys, i).Number, (ulong)batch.Ticks.Span[i], file.Until)));
        }

        // Also of outputs that were left without rows.
        var horizon = snapshot.SegmentsOf(collection).Values.Where(s => s.State is SegmentState.Flushed or SegmentState.Dropped).Select(s => s.PurgedUntil.Value).DefaultIfEmpty(0UL).Max();
        var ticks = world.Log.Messages.Select(m => m.CommitTick.Value).Where(t => t >= horizon).Append(ulong.MaxValue);
        foreach (var at in ticks)
        {
            var shown = rows.Where(r => r.Tick <= at && !deletes.Any(d => d.Until > r.DeletesUntil && d.Key == r.Key && d.Tick > r.Tick && d.Tick <= at)).Select(r => (r.Key, r.Tick)).Order();
            Assert.Equal(LoggedAt(world.Log, shard, at, snapshot).Order(), shown);
        }
    }

    /// <summary>The rows of segments that are no longer growing, as the log has them at a tick.</summary>
    private static List<(long Key, ulong Tick)> LoggedAt(FakeLog log, VChannel shard, ulong at, CatalogSnapshot snapshot)
    {
        var growing = snapshot.SegmentsOf(World.CollectionOf(shard)).Values.Where(s => s.State == SegmentState.Growing).Select(s => s.Id).ToHashSet();
        var deletes = log.Messages.Where(m => m.Channel == shard && m.Body is DeleteBody && m.CommitTick.Value <= at)
            .SelectMany(m => ((ScalarColumn<long>)((DeleteBody)m.Body).Keys).Values.ToArray().Select(key => (Key: key, Tick: m.CommitTick.Value))).ToList();
        return [.. log.Messages.Where(m => m.Channel == shard && m.CommitTick.Value <= at && m.Body is InsertBody b && !growing.Contains(b.Segment))
            .SelectMany(m => Enumerable.Range(0, ((InsertBody)m.Body).Rows.Count).Select(i => (Key: ((InsertBody)m.Body).Rows.KeyAt(i).Number, Tick: m.CommitTick.Value)))
            .Where(r => !deletes.Any(d => d.Key == r.Key && d.Tick > r.Tick))];
    }
}
