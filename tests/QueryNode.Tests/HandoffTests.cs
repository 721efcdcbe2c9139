using MiniMilvus.Core;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.QueryNode.Channels;
using MiniMilvus.QueryNode.Sealed;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>What a segment takes with it when its sealed form is shown: Q3, S6, S7.</summary>
public sealed class HandoffTests
{
    /// <summary>S6: a delete that is applied late, from the buffer or from a file, spares the rows that came after it.</summary>
    [Fact]
    public async Task A_row_that_was_inserted_again_outlives_the_delete_that_is_applied_later()
    {
        await using var world = await World.ReadyAsync();
        world.Insert(10, [1, 2, 3]);
        world.Delete(20, [1, 2]);
        world.Insert(30, [1], version: 1);
        // An upsert: both at one tick, the delete first.
        world.Delete(40, [3], begin: 35);
        world.Insert(40, [3], version: 1, begin: 35);
        world.Tick(41);
        Assert.Equal([1, 3], await world.KeysAsync(41));

        await world.FlushAsync(1);
        await world.Journal.WaitAsync(6003);
        Assert.Equal([1, 3], await world.KeysAsync(41));

        await world.DeleteFileAsync(1, [(1, 20), (2, 20), (3, 40)], world.Log.End);
        await world.CheckpointAsync(world.Log.End, 41);
        using var second = world.NewNode();
        _ = world.RunNode(second);
        await world.Journal.WaitAsync(6001);
        Assert.Equal([1, 3], await world.KeysAsync(41, node: second));
        Assert.Equal(0f, (await world.SearchAsync(41, World.VectorOf(1, 1), 1, node: second)).Scores[0]);
    }

    /// <summary>Q3: between the last look at the buffer and the step that shows the segment, the log goes on.</summary>
    [Fact]
    public void A_delete_that_comes_while_a_segment_is_brought_in_is_applied_in_the_step_that_shows_it()
    {
        var log = new FakeLog();
        var channel = VChannel.Of(new PChannel("p"), World.Collection, 0);
        var shard = BareShard.Of(channel);
        var segment = new SealedSegment(new SegmentId(1), World.Partition, World.Rows([1, 2, 3]), new long[] { 10, 10, 10 });
        void Delete(ulong tick, long key) =>
            shard.Apply(log.Append(channel, tick, new DeleteBody(World.Collection, PartitionId.All, new ScalarColumn<long>(World.Id, DataType.Int64, new[] { key }))), 0);

        Delete(20, 1);
        var buffered = shard.DeletesFrom(0);
        Assert.Single(buffered);
        Shard.ApplyTo(segment, buffered[0]);
        Delete(30, 2);
        shard.Seal(segment, buffered.Length);

        var shown = Assert.Single(shard.Snapshot.Sealed);
        Assert.Equal([true, true, false], Enumerable.Range(0, 3).Select(row => shown.Deletes.IsDeleted(row, new Timestamp(30))));
    }
}
