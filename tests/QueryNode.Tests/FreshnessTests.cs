using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.QueryNode.Channels;
using MiniMilvus.QueryNode.Search;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>Guarantees and visibility: Q1, Q6, S6.</summary>
public sealed class FreshnessTests
{
    [Fact]
    public async Task A_row_is_found_at_its_own_timestamp_and_not_before()
    {
        await using var world = await World.ReadyAsync();
        world.Insert(10, [1, 2, 3]);
        world.Insert(20, [4]);
        var found = await world.SearchAsync(20, World.VectorOf(4), 1);
        Assert.Equal([4], World.Keys(found.Keys));
        Assert.Equal(0f, found.Scores[0]);
        Assert.Equal([1, 2, 3, 4], await world.KeysAsync(20));
    }

    [Fact]
    public async Task A_read_waits_until_its_guarantee_is_reached()
    {
        await using var world = await World.ReadyAsync();
        world.Insert(10, [1]);
        var strong = world.KeysAsync(30);
        await Task.WhenAny(strong, world.Time.ArmedAsync(world.Options.GuaranteeTimeout));
        Assert.False(strong.IsCompleted, "it did not wait for its guarantee");
        world.Insert(29, [2]);
        world.Tick(30);
        Assert.Equal([1, 2], await strong);
    }

    [Fact]
    public async Task A_tick_answers_a_strong_read_on_an_idle_channel()
    {
        await using var world = await World.ReadyAsync();
        var strong = world.KeysAsync(1000);
        world.Tick(1000);
        Assert.Empty(await strong);
    }

    [Fact]
    public async Task An_eventual_read_does_not_wait_and_sees_what_has_passed()
    {
        await using var world = await World.ReadyAsync();
        world.Insert(10, [1]);
        Assert.Equal([1], await world.KeysAsync(10));
        var found = await world.SearchAsync(1, World.VectorOf(1), absolute: true);
        Assert.Equal([1], World.Keys(found.Keys));
        Assert.Equal(new Timestamp(world.Base + 10), found.Snapshot);
    }

    [Fact]
    public async Task A_stalled_channel_fails_within_a_bound_and_says_how_far_it_is()
    {
        await using var world = await World.ReadyAsync();
        var read = world.KeysAsync(500);
        await world.Time.ArmedAsync(world.Options.GuaranteeTimeout);
        world.Time.Advance(world.Options.GuaranteeTimeout);
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => read);
        Assert.True(error.IsRetriable);
        Assert.Contains(world.Channels[0].Name, error.Message, StringComparison.Ordinal);
        Assert.Contains(new Timestamp(world.Base + 500).ToString(), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_guarantee_far_beyond_now_is_refused()
    {
        await using var world = await World.ReadyAsync();
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => world.KeysAsync(31_000UL << Timestamp.LogicalBits));
        Assert.Equal(ErrorKind.Invalid, error.Kind);
    }

    [Fact]
    public async Task All_shards_are_read_at_one_timestamp()
    {
        await using var world = await World.ReadyAsync(2);
        world.Insert(10, [1], shard: 0, segment: 1);
        world.Insert(20, [2], shard: 1, segment: 2);
        // Both shards share the pchannel, so both are at 20; a snapshot at 15 would hide row 2 and a delete at 25 is in nobody's past.
        var found = await world.RetrieveAsync(20);
        Assert.Equal([1, 2], World.Keys(found.Columns[0]));
        Assert.Equal(new Timestamp(world.Base + 20), found.Snapshot);
    }

    [Fact]
    public async Task A_read_waits_for_the_slowest_of_its_shards()
    {
        var time = new ManualTime();
        using var metrics = new QueryNodeMetrics();
        var gate = new GuaranteeGate(new QueryNodeOptions(), time, metrics);
        var now = (ulong)time.GetUtcNow().ToUnixTimeMilliseconds() << Timestamp.LogicalBits;
        Shard[] shards = [.. Enumerable.Range(0, 2).Select(i => BareShard.Of(VChannel.Of(new PChannel("p"), World.Collection, i)))];
        shards[0].SafeTime.AdvanceTo(new Timestamp(now + 30));
        shards[1].SafeTime.AdvanceTo(new Timestamp(now + 10));
        var pass = gate.PassAsync([.. shards], new Timestamp(now + 20), default).AsTask();
        Assert.False(pass.IsCompleted, "one shard has not reached the guarantee");
        shards[1].SafeTime.AdvanceTo(new Timestamp(now + 25));
        Assert.Equal(new Timestamp(now + 25), await pass);
    }

    [Fact]
    public async Task A_delete_removes_only_what_was_inserted_before_it()
    {
        await using var world = await World.ReadyAsync();
        world.Insert(10, [1, 2]);
        world.Delete(20, [1]);
        world.Insert(30, [1], version: 1);
        Assert.Equal([1, 2], await world.KeysAsync(30));
        var found = await world.SearchAsync(30, World.VectorOf(1, 1), 1);
        Assert.Equal(0f, found.Scores[0]);
        world.Delete(40, [1]);
        world.Tick(41);
        Assert.Equal([2], await world.KeysAsync(41));
    }

    [Fact]
    public async Task An_upsert_is_seen_whole_or_not_at_all()
    {
        await using var world = await World.ReadyAsync();
        world.Insert(10, [1]);
        world.Delete(20, [1], begin: 18);
        // The delete has been delivered, the insert of the same transaction has not: nothing of it may show.
        var between = await world.RetrieveAsync(12);
        Assert.Equal([1], World.Keys(between.Columns[0]));
        Assert.True(between.Snapshot < new Timestamp(world.Base + 20));
        world.Insert(20, [1], version: 1, begin: 18);
        world.Tick(21);
        Assert.Equal([1], await world.KeysAsync(21));
        var found = await world.SearchAsync(21, World.VectorOf(1, 1), 1);
        Assert.Equal(0f, found.Scores[0]);
    }

    [Fact]
    public async Task A_search_can_leave_growing_rows_out_and_keep_to_partitions()
    {
        await using var world = await World.ReadyAsync();
        world.Insert(10, [1, 2]);
        world.Insert(11, [3], segment: 2, partition: World.Other);
        world.Insert(12, [4], segment: 1);
        var sealedOnly = await world.SearchAsync(12, World.VectorOf(1), change: r => r with { IgnoreGrowing = true });
        Assert.Empty(sealedOnly.Scores);
        Assert.Equal([3], await world.KeysAsync(12, change: r => r with { Partitions = [World.Other] }));
        world.Delete(13, [1, 3], partition: World.Other);
        world.Tick(14);
        Assert.Equal([1, 2, 4], await world.KeysAsync(14));
    }
}
