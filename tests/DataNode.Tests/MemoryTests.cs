using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Messages;
using MiniMilvus.DataNode.Tests.Support;

namespace MiniMilvus.DataNode.Tests;

public sealed class MemoryTests
{
    private const long MessageBytes = 10 * ((8 * 4) + 8);

    [Fact]
    public async Task A_slow_object_store_stops_the_reading_and_bounds_the_buffers()
    {
        await using var world = new World();
        world.Options = world.Options with { BufferBytesMax = 20 * MessageBytes, SealPressureBytes = long.MaxValue };
        var shard = await world.CreateCollectionAsync(10);
        await using var node = world.Start();
        var stuck = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        node.Life.Hold = async what =>
        {
            if (what.StartsWith("put", StringComparison.Ordinal))
            {
                stuck.TrySetResult();
                await open.Task;
            }
        };
        var segments = new List<SegmentId>();
        long key = 1;
        for (var s = 0; s < 20; s++)
        {
            segments.Add(await world.CreateSegmentAsync(shard));
            for (var m = 0; m < 10; m++)
            {
                world.Log.Append(shard, World.Insert(shard, segments[^1], [.. Enumerable.Range(0, 10).Select(_ => key++)]));
            }

            world.Log.Append(shard, World.Flush(shard, segments[^1]));
        }

        await stuck.Task.WaitAsync(TimeSpan.FromSeconds(30));
        var flush = world.Log.Append(shard, new ManualFlushBody(new CollectionId(10), []));
        open.SetResult();
        await world.UntilAsync(s => World.IsFlushed(s, shard, flush));

        Assert.InRange(node.Role.BufferedBytesPeak, 10 * MessageBytes, 21 * MessageBytes);
        await Truth.CheckAsync(world, world.View.Current);
    }

    [Fact]
    public async Task Growing_buffers_beyond_the_budget_are_let_go_and_read_again_at_their_flush()
    {
        await using var world = new World();
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.OnSeal = (_, _) =>
        {
            asked.TrySetResult();
            return default;
        };
        // Three segments of 40 messages each, and room for 50 messages: nothing is sealed until all rows are in the log.
        world.Options = world.Options with { BufferBytesMax = 50 * MessageBytes, SealPressureBytes = 30 * MessageBytes, FlushConcurrency = 1 };
        var shard = await world.CreateCollectionAsync(10);
        SegmentId[] segments = [await world.CreateSegmentAsync(shard), await world.CreateSegmentAsync(shard), await world.CreateSegmentAsync(shard)];
        long key = 1;
        for (var m = 0; m < 120; m++)
        {
            long[] keys = [.. Enumerable.Range(0, 10).Select(_ => key++)];
            if (m % 5 == 0)
            {
                world.Log.Append(shard, World.Delete(shard, keys[0] - 1), World.Insert(shard, segments[m % 3], keys));
            }
            else
            {
                world.Log.Append(shard, World.Insert(shard, segments[m % 3], keys));
            }
        }

        await using var node = world.Start();
        await world.ManualFlushAsync(shard, segments);

        await asked.Task.WaitAsync(TimeSpan.FromSeconds(30));
        // One segment more than the budget at most: the one that is read again.
        Assert.InRange(node.Role.BufferedBytesPeak, 50 * MessageBytes, 95 * MessageBytes);
        await Truth.CheckAsync(world, world.View.Current);
        Assert.All(segments, s => Assert.Equal(400, world.View.Current.FindSegment(new CollectionId(10), s)!.Rows));
    }
}
