using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>A compaction's output takes the place of what it was made of: Q2-Q4, Q7, S8.</summary>
public sealed class CompactionTests
{
    [Fact]
    public async Task The_output_takes_the_place_of_its_inputs_with_every_delete_that_it_does_not_have()
    {
        await using var world = await World.ReadyAsync();
        var (first, second) = await TwoAsync(world);
        world.Delete(20, [1]);
        var applied = world.Log.End;
        world.Delete(30, [4]);
        await world.DeleteFileAsync(1, [(1, 20)], applied);
        await world.DeleteFileAsync(2, [(4, 30)], world.Log.End, from: applied);
        await world.CheckpointAsync(world.Log.End, 30);
        world.Delete(40, [5]);
        world.Tick(41);
        Assert.Equal([2, 3, 6], await world.KeysAsync(41));

        await world.FlipAsync(await world.WriteCompactedAsync(10, [1, 2], purged: [1], purgedUntil: 20, deletesUntil: applied), first, second);
        await world.Journal.WaitAsync(6003, 3);
        Assert.Equal([2, 3, 6], await world.KeysAsync(41));
        Assert.Equal([10], await ShownAsync(world));
        world.Delete(50, [6]);
        world.Tick(51);
        Assert.Equal([2, 3], await world.KeysAsync(51));

        using var fresh = world.NewNode();
        _ = world.RunNode(fresh);
        await world.Journal.WaitAsync(6001);
        Assert.Equal([2, 3], await world.KeysAsync(51, node: fresh));
    }

    [Fact]
    public async Task An_input_that_is_growing_here_still_is_replaced_too_and_not_created_again()
    {
        await using var world = await World.ReadyAsync();
        world.Insert(10, [1, 2, 3]);
        world.Tick(11);
        Assert.Equal([1, 2, 3], await world.KeysAsync(11));
        // Flushed and compacted between two views of the catalogue, and compacted once more.
        var flushed = await world.WriteFilesAsync(1);
        var once = await world.WriteCompactedAsync(10, [1]);
        var twice = await world.WriteCompactedAsync(20, [10]);
        await world.PutAllAsync(
            (CatalogKeys.Segment(World.Collection, flushed.Id), CatalogCodec.Encode(flushed with { State = SegmentState.Compacted, CompactedTo = once.Id })),
            (CatalogKeys.Segment(World.Collection, once.Id), CatalogCodec.Encode(once with { State = SegmentState.Compacted, CompactedTo = twice.Id })),
            (CatalogKeys.Segment(World.Collection, twice.Id), CatalogCodec.Encode(twice)));
        await world.Journal.WaitAsync(6003);
        Assert.Equal([20], await ShownAsync(world));
        world.Insert(20, [9]); // The log still gives rows of the segment to who is late.
        world.Tick(21);
        Assert.Equal([1, 2, 3], await world.KeysAsync(21));
        Assert.Equal(3, (await world.RetrieveAsync(21, change: r => r with { CountOnly = true })).Count);
    }

    [Fact]
    public async Task An_output_waits_for_the_index_that_its_inputs_have()
    {
        await using var world = await World.ReadyAsync();
        var (first, second) = await TwoAsync(world);
        await world.IndexAsync(first);
        await world.Journal.WaitAsync(6006);
        var output = await world.WriteCompactedAsync(10, [1, 2]);
        await world.FlipAsync(output, first, second);
        await PassAsync(world);
        Assert.Equal([1, 2, 30], await ShownAsync(world));
        await world.IndexAsync(output);
        await world.Journal.WaitAsync(6003, 4);
        Assert.Equal([10, 30], await ShownAsync(world));
        Assert.True((await world.Node.GetLoadStatusAsync(World.Collection, default)).Segments.Single(s => s.Id.Value == 10).IsIndexed);
    }

    [Fact]
    public async Task An_output_without_rows_that_are_still_visible_here_waits_until_they_are_not()
    {
        await using var world = await World.ReadyAsync();
        var (first, second) = await TwoAsync(world);
        // Deleted at 100 says the catalogue; the log that is read here has not come to it.
        var output = await world.WriteCompactedAsync(10, [1, 2], purged: [1, 4], purgedUntil: 100, deletesUntil: new LogPosition(0, 1));
        await world.FlipAsync(output, first, second);
        await PassAsync(world, waited: world.Options.RetryDelay);
        Assert.Equal([1, 2, 3, 4, 5, 6, 30], await world.KeysAsync(12));
        Assert.Equal([1, 2, 30], await ShownAsync(world));
        world.Delete(100, [1, 4]);
        world.Tick(101);
        Assert.Equal([2, 3, 5, 6, 30], await world.KeysAsync(101));
        await world.Time.ArmedAsync(2 * world.Options.RetryDelay);
        world.Time.Advance(2 * world.Options.RetryDelay);
        await world.Journal.WaitAsync(6003, 4);
        Assert.Equal([2, 3, 5, 6, 30], await world.KeysAsync(101));
        Assert.Equal([10, 30], await ShownAsync(world));
    }

    [Fact]
    public async Task No_read_runs_below_what_a_loaded_segment_has_purged()
    {
        await using var world = await World.StartAsync(run: false);
        world.Insert(10, [1, 2, 3]);
        world.Insert(11, [4, 5, 6], segment: 2);
        var (first, second) = (await world.FlushAsync(1), await world.FlushAsync(2));
        await world.FlipAsync(await world.WriteCompactedAsync(10, [1, 2], purged: [1], purgedUntil: 100, deletesUntil: new LogPosition(0, 1)), first, second);
        world.Tick(50);
        world.Run();
        await world.Journal.WaitAsync(6001);
        var read = world.SearchAsync(10, World.VectorOf(2));
        world.Tick(120);
        var answer = await read.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.True(answer.Snapshot >= new Timestamp(world.Base + 100), $"{answer.Snapshot}");
    }

    [Fact]
    public async Task When_nobody_knows_any_more_what_has_a_segments_rows_the_shard_starts_over_and_shows_them_once()
    {
        await using var world = await World.ReadyAsync();
        var (first, second) = await TwoAsync(world);
        await world.CheckpointAsync(world.Log.End, 11);
        // Compacted twice, and all but the last output forgotten, in one look.
        await world.WriteCompactedAsync(10, [1, 2]);
        var last = await world.WriteCompactedAsync(20, [10]);
        await world.ForgetAsync(last, first.Id, second.Id);
        await world.Journal.WaitAsync(6002);
        await world.Time.ArmedAsync(world.Options.RetryDelay);
        world.Time.Advance(world.Options.RetryDelay);
        world.Tick(12);
        await world.Journal.WaitAsync(6001, 2);
        Assert.Equal([1, 2, 3, 4, 5, 6], await world.KeysAsync(12));
        Assert.Equal([20], await ShownAsync(world));
    }

    private static async Task<(SegmentRecord First, SegmentRecord Second)> TwoAsync(World world)
    {
        world.Insert(10, [1, 2, 3]);
        world.Insert(11, [4, 5, 6], segment: 2);
        world.Tick(11);
        var records = (await world.FlushAsync(1), await world.FlushAsync(2));
        await world.Journal.WaitAsync(6003, 2);
        return records;
    }

    /// <summary>Returns when the node has looked at everything below segment 30.</summary>
    private static async Task PassAsync(World world, TimeSpan? waited = null)
    {
        world.Insert(12, [30], segment: 30);
        world.Tick(12);
        await world.FlushAsync(30);
        if (waited is { } delay)
        {
            await world.Time.ArmedAsync(delay);
            world.Time.Advance(delay);
        }

        await world.Journal.WaitAsync(6003, 3);
    }

    private static async Task<IEnumerable<long>> ShownAsync(World world) => (await world.Node.GetLoadStatusAsync(World.Collection, default)).Segments.Select(s => s.Id.Value).Order();
}
