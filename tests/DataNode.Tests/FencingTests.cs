using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.DataNode.Tests.Support;

namespace MiniMilvus.DataNode.Tests;

public sealed class FencingTests
{
    [Fact]
    public async Task A_paused_data_node_that_wakes_up_with_a_stale_term_commits_nothing()
    {
        await using var world = new World();
        await using var old = world.Start();
        var paused = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var wake = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        old.Life.HoldCommit = async commit =>
        {
            if (commit is CommitFlush)
            {
                paused.TrySetResult();
                await wake.Task;
            }
        };
        var shard = await world.CreateCollectionAsync(10);
        var segment = await world.CreateSegmentAsync(shard);
        world.Log.Append(shard, World.Insert(shard, segment, 1, 2, 3), World.Delete(shard, 1));
        world.Log.Append(shard, World.Flush(shard, segment));
        await paused.Task.WaitAsync(TimeSpan.FromSeconds(30)); // Its files are up; its commit is on the way.

        await using var next = world.Start();
        await world.ManualFlushAsync(shard);
        var before = world.Coordinator.Applied.Count;
        wake.SetResult();
        await old.Ended.WaitAsync(TimeSpan.FromSeconds(30)); // It gives the channel up, and with it its role.

        Assert.Equal(before, world.Coordinator.Applied.Count(c => c.Term == new Term(1) || c.Term == new Term(2)));
        var flush = Assert.Single(world.Coordinator.Applied.OfType<CommitFlush>());
        Assert.Equal(new Term(2), flush.Term);
        var after = world.Log.Append(shard, World.Delete(shard, 2));
        await world.ManualFlushAsync(shard);
        Assert.All(world.Coordinator.Applied.Skip(before), c => Assert.Equal(new Term(2), c.Term));
        await Truth.CheckAsync(world, world.View.Current);
        Assert.True(world.View.Current.CheckpointOf(shard)!.Tick >= after);
    }
}
