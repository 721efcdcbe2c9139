using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.DataNode.Tests.Support;

/// <summary>Compares what is stored with what the log says: the checker of S2, S4 and S7.</summary>
internal static class Truth
{
    /// <summary>Rows of a stored segment as (key, commit tick), in file order.</summary>
    public static async Task<List<(long Key, ulong Tick)>> StoredAsync(IObjectStore objects, SegmentRecord segment)
    {
        var reader = await SegmentReader.OpenAsync(objects, segment.ManifestPath, CancellationToken.None);
        var rows = await reader.ReadRowsAsync(CancellationToken.None);
        var ticks = await reader.ReadTicksAsync(CancellationToken.None);
        return Enumerable.Range(0, rows.Count).Select(i => (rows.KeyAt(i).Number, (ulong)ticks.Span[i])).ToList();
    }

    /// <summary>Rows that the log assigned to a segment, in log order.</summary>
    public static List<(long Key, ulong Tick)> Logged(FakeLog log, SegmentId segment) =>
        log.Messages.Where(m => m.Body is InsertBody b && b.Segment == segment)
            .SelectMany(m => Enumerable.Range(0, ((InsertBody)m.Body).Rows.Count).Select(i => (((InsertBody)m.Body).Rows.KeyAt(i).Number, m.CommitTick.Value)))
            .ToList();

    /// <summary>Every flushed segment holds exactly its rows (S2), and nothing below a checkpoint is only in the log (S4, S7).</summary>
    public static async Task CheckAsync(World world, CatalogSnapshot snapshot)
    {
        foreach (var collection in snapshot.Collections.Values)
        {
            foreach (var segment in snapshot.SegmentsOf(collection.Id).Values.Where(s => s.State == SegmentState.Flushed))
            {
                Assert.Equal(Logged(world.Log, segment.Id), await StoredAsync(world.Objects, segment));
                Assert.Equal(Logged(world.Log, segment.Id).Count, segment.Rows);
            }

            foreach (var shard in collection.Channels)
            {
                await CheckShardAsync(world, snapshot, collection.Id, shard);
            }
        }
    }

    private static async Task CheckShardAsync(World world, CatalogSnapshot snapshot, CollectionId collection, VChannel shard)
    {
        var checkpoint = snapshot.CheckpointOf(shard)?.Position ?? LogPosition.Beginning;
        var inFiles = new HashSet<(long, ulong)>();
        foreach (var file in snapshot.DeleteFilesOf(shard).Values)
        {
            var batch = await DeleteFile.ReadAsync(world.Objects, file.Path, collection, CancellationToken.None);
            Assert.Equal(file.Deletes, batch.Count);
            for (var i = 0; i < batch.Count; i++)
            {
                inFiles.Add((RowBatch.KeyOf(batch.Keys, i).Number, (ulong)batch.Ticks.Span[i]));
            }

            foreach (var message in world.Log.Messages.Where(m => m.Channel == shard && m.Body is DeleteBody && m.Position >= file.From && m.Position < file.Until))
            {
                Assert.Subset(batch.Ticks.ToArray().Select(t => (ulong)t).ToHashSet(), new HashSet<ulong> { message.CommitTick.Value });
            }
        }

        foreach (var message in world.Log.Messages.Where(m => m.Channel == shard && m.Position < checkpoint))
        {
            switch (message.Body)
            {
                case DeleteBody delete:
                    for (var i = 0; i < delete.Keys.Count; i++)
                    {
                        Assert.Contains((RowBatch.KeyOf(delete.Keys, i).Number, message.CommitTick.Value), inFiles);
                    }

                    break;
                case InsertBody insert:
                    Assert.NotEqual(SegmentState.Growing, snapshot.FindSegment(collection, insert.Segment)!.State);
                    break;
            }
        }
    }
}
