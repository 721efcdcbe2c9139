using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Messages;
using MiniMilvus.DataNode.Tests.Support;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.DataNode.Tests;

public sealed class FlushTests
{
    [Fact]
    public async Task A_sealed_segment_holds_exactly_its_rows_and_the_checkpoint_passes_it()
    {
        await using var world = new World();
        await using var node = world.Start();
        var shard = await world.CreateCollectionAsync(10);
        var one = await world.CreateSegmentAsync(shard);
        var two = await world.CreateSegmentAsync(shard);
        for (var i = 0; i < 30; i++)
        {
            world.Log.Append(shard, World.Insert(shard, i % 3 == 0 ? two : one, (i * 2) + 1, (i * 2) + 2));
        }

        world.Log.Append(shard, World.Flush(shard, one));
        var snapshot = await world.UntilAsync(s => s.FindSegment(new CollectionId(10), one)?.State == SegmentState.Flushed);
        Assert.Equal(SegmentState.Growing, snapshot.FindSegment(new CollectionId(10), two)!.State);
        // S4: the checkpoint stands at the start of the segment that still grows.
        var start = world.Log.Messages.Single(m => m.Body is CreateSegmentBody b && b.Segment == two).Position;
        Assert.Equal(start, (await world.UntilAsync(s => s.CheckpointOf(shard)?.Position >= start)).CheckpointOf(shard)!.Position);

        await world.ManualFlushAsync(shard, two);
        await Truth.CheckAsync(world, world.View.Current);
        Assert.Equal(world.Log.End, world.View.Current.CheckpointOf(shard)!.Position);
        Assert.Contains(world.Events, e => e.Station == Station.SegmentCommitted && e.Count == 40);
        Assert.Equal(60, world.Events.Where(e => e.Station == Station.WriteBuffer).Sum(e => e.Count));
    }

    /// <summary>S7: also while the file is on its way.</summary>
    [Fact]
    public async Task A_checkpoint_waits_for_the_file_that_holds_its_deletes()
    {
        await using var world = new World();
        await using var node = world.Start();
        var upload = new TaskCompletionSource();
        node.Life.Hold = what => what.StartsWith("put ", StringComparison.Ordinal) ? upload.Task : Task.CompletedTask;
        var shard = await world.CreateCollectionAsync(10);
        var other = await world.CreateCollectionAsync(20);
        world.Log.Append(shard, World.Delete(shard, 1, 2));
        var first = world.Log.Messages[^1].Position;
        var flush = world.Log.Append(shard, new ManualFlushBody(new CollectionId(10), []));

        // The other shard's checkpoint shows that the channel has been read beyond the flush.
        await world.ManualFlushAsync(other);
        await world.UntilAsync(s => s.CheckpointOf(other)!.Position == world.Log.End);
        var stands = world.View.Current.CheckpointOf(shard)?.Position ?? LogPosition.Beginning;
        upload.SetResult();
        Assert.True(stands <= first, $"the checkpoint was at {stands}, and the delete at {first} in no file");

        await world.UntilAsync(s => World.IsFlushed(s, shard, flush));
        await Truth.CheckAsync(world, world.View.Current);
        Assert.Equal(2, world.View.Current.DeleteFilesOf(shard).Values.Sum(f => f.Deletes));
    }

    [Fact]
    public async Task A_segment_without_rows_becomes_dropped_and_writes_no_file()
    {
        await using var world = new World();
        await using var node = world.Start();
        var shard = await world.CreateCollectionAsync(10);
        var empty = await world.CreateSegmentAsync(shard);

        await world.ManualFlushAsync(shard, empty);

        Assert.Equal(SegmentState.Dropped, world.View.Current.FindSegment(new CollectionId(10), empty)!.State);
        Assert.Equal(0, world.Objects.TotalBytes);
    }

    [Fact]
    public async Task Rows_and_deletes_of_a_transaction_carry_its_commit_tick()
    {
        await using var world = new World();
        await using var node = world.Start();
        var shard = await world.CreateCollectionAsync(10);
        var segment = await world.CreateSegmentAsync(shard);
        world.Log.Append(shard, World.Insert(shard, segment, 1, 2));
        var upsert = world.Log.Append(shard, World.Delete(shard, 1, 2), World.Insert(shard, segment, 1, 2));
        // A Flush with several segments may be a transaction too, and the last thing in the log.
        var flush = world.Log.Append(shard, World.Flush(shard, segment), new ManualFlushBody(new CollectionId(10), [segment]));

        var snapshot = await world.UntilAsync(s => World.IsFlushed(s, shard, flush));

        var rows = await Truth.StoredAsync(world.Objects, snapshot.FindSegment(new CollectionId(10), segment)!);
        Assert.Equal(4, rows.Count);
        Assert.Equal([(1L, upsert.Value), (2L, upsert.Value)], rows[2..]);
        var file = Assert.Single(snapshot.DeleteFilesOf(shard).Values);
        var batch = await DeleteFile.ReadAsync(world.Objects, file.Path, file.Collection, CancellationToken.None);
        Assert.All(batch.Ticks.ToArray(), t => Assert.Equal(upsert.Value, (ulong)t));
        await Truth.CheckAsync(world, snapshot);
    }

    [Fact]
    public async Task A_dropped_collections_rows_are_let_go_and_its_checkpoint_moves_on()
    {
        await using var world = new World();
        await using var node = world.Start();
        var shard = await world.CreateCollectionAsync(10);
        await world.View.RefreshAsync(CancellationToken.None); // Else the node may meet the drop before it has heard of the collection, and forget it.
        var segment = await world.CreateSegmentAsync(shard);
        world.Log.Append(shard, World.Insert(shard, segment, 1, 2), World.Delete(shard, 1));
        world.Log.Append(shard, new DropCollectionBody(new CollectionId(10)));
        var end = world.Log.End;

        await world.UntilAsync(s => s.CheckpointOf(shard)?.Position >= end);

        Assert.Equal(0, world.Objects.TotalBytes);
        Assert.Equal(SegmentState.Growing, world.View.Current.FindSegment(new CollectionId(10), segment)!.State);
    }

    [Fact]
    public async Task A_dropped_partitions_growing_segments_become_dropped_and_others_stay()
    {
        await using var world = new World();
        await using var node = world.Start();
        var shard = await world.CreateCollectionAsync(10);
        var doomed = await world.CreateSegmentAsync(shard, partition: 2);
        var kept = await world.CreateSegmentAsync(shard);
        world.Log.Append(shard, World.Insert(shard, doomed, 1) with { Partition = new PartitionId(2) });
        world.Log.Append(shard, World.Insert(shard, kept, 2));
        world.Log.Append(shard, new DropPartitionBody(new CollectionId(10), new PartitionId(2)));

        await world.ManualFlushAsync(shard, kept);

        await world.UntilAsync(s => s.FindSegment(new CollectionId(10), doomed)?.State == SegmentState.Dropped);
        await Truth.CheckAsync(world, world.View.Current);
    }

    [Fact]
    public async Task Messages_of_a_collection_that_is_nowhere_are_skipped()
    {
        await using var world = new World();
        var ghost = VChannel.Of(World.PChannel, new CollectionId(99), 0);
        world.Log.Append(ghost, new CreateSegmentBody(new CollectionId(99), new PartitionId(1), new SegmentId(900), 1));
        world.Log.Append(ghost, World.Insert(ghost, new SegmentId(900), 1, 2, 3));
        world.Log.Append(ghost, World.Flush(ghost, new SegmentId(900)));
        world.Log.Append(ghost, World.Delete(ghost, 7));
        await using var node = world.Start();
        var shard = await world.CreateCollectionAsync(10);
        var segment = await world.CreateSegmentAsync(shard);
        world.Log.Append(shard, World.Insert(shard, segment, 1));

        await world.ManualFlushAsync(shard, segment);

        Assert.Null(world.View.Current.CheckpointOf(ghost));
        await Truth.CheckAsync(world, world.View.Current);
    }

    [Fact]
    public async Task A_read_that_breaks_off_goes_on_where_it_was_and_doubles_nothing()
    {
        await using var world = new World();
        var shard = await world.CreateCollectionAsync(10);
        var segment = await world.CreateSegmentAsync(shard);
        for (var i = 0; i < 40; i++)
        {
            world.Log.Append(shard, World.Delete(shard, i), World.Insert(shard, segment, i, i + 1000), World.Insert(shard, segment, i + 5000));
        }

        for (var at = 1; at < 100; at += 3)
        {
            world.Log.Failures[at] = MiniMilvusException.Unavailable("the owner moved");
        }

        await using var node = world.Start();
        await world.ManualFlushAsync(shard, segment);

        await Truth.CheckAsync(world, world.View.Current);
        Assert.Equal(120, world.View.Current.FindSegment(new CollectionId(10), segment)!.Rows);
    }

    [Fact]
    public async Task A_corrupt_log_ends_the_role_with_the_first_failure()
    {
        await using var world = new World();
        var shard = await world.CreateCollectionAsync(10);
        await world.CreateSegmentAsync(shard);
        world.Log.Failures[1] = MiniMilvusException.Corrupted("entry 0/2");
        var node = world.Start();

        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => node.Ended.WaitAsync(TimeSpan.FromSeconds(30)));

        Assert.Equal(ErrorKind.Corrupted, error.Kind);
        node.Role.Dispose();
    }
}
