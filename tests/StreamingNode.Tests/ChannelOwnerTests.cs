using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Time;
using MiniMilvus.StreamingNode.Ticks;

namespace MiniMilvus.StreamingNode.Tests;

public sealed class ChannelOwnerTests
{
    [Fact]
    public async Task An_ack_never_precedes_durability_nor_passes_a_gap()
    {
        await using var world = new OwnerWorld();
        var owner = await world.OpenAsync();
        await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(0, 1)], default);
        world.Log.IsInstant = false;
        var first = owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(1, 1)], default).AsTask();
        var second = owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(2, 1)], default).AsTask();
        var signal = owner.SignalAsync(Timestamp.Zero, default).AsTask();
        while (world.Log.Count < world.Log.Durable + 2)
        {
            await Task.Yield();
        }

        // Nothing is durable yet (W1, T1). What came early would come within that time.
        await NoneOfAsync(first, second, signal);
        world.Log.Release(1);
        var ack = await first;
        // The second is not durable, so no tick above it is published (W2, T1).
        await NoneOfAsync(second, signal);
        world.Log.Release(1);
        Assert.True((await second).Position > ack.Position);
        Assert.True(await signal > (await second).Tick);
    }

    [Fact]
    public async Task CreateSegment_precedes_the_first_row_and_Flush_follows_the_last()
    {
        await using var world = new OwnerWorld();
        var owner = await world.OpenAsync();
        for (var i = 0; i < 5; i++)
        {
            await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(i * 4, 4)], default);
        }

        var open = new HashSet<SegmentId>();
        var sealedIds = new HashSet<SegmentId>();
        foreach (var message in await world.StoredAsync())
        {
            switch (message.Body)
            {
                case CreateSegmentBody created:
                    Assert.True(open.Add(created.Segment));
                    break;
                case InsertBody insert:
                    Assert.True(open.Contains(insert.Segment) && !sealedIds.Contains(insert.Segment), $"row of segment {insert.Segment} outside its life (S1)");
                    break;
                case FlushBody flush:
                    Assert.True(sealedIds.Add(flush.Segment));
                    break;
            }
        }

        Assert.Equal(3, open.Count);
        Assert.Equal(2, sealedIds.Count);
        Assert.Equal(3, world.Coordinator.Commits.OfType<RegisterGrowing>().Count());
    }

    [Fact]
    public async Task A_stale_schema_an_unknown_shard_and_a_wrong_term_write_nothing()
    {
        await using var world = new OwnerWorld();
        var owner = await world.OpenAsync();
        var before = world.Log.Count;
        var stale = await Assert.ThrowsAsync<MiniMilvusException>(async () => await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(0, 1, schemaVersion: 2)], default));
        Assert.Equal(ErrorReason.SchemaMismatch, stale.Reason);
        var unknown = await Assert.ThrowsAsync<MiniMilvusException>(async () => await owner.AppendAsync(VChannel.Of(OwnerWorld.PChannel, new CollectionId(99), 0), [OwnerWorld.Rows(0, 1)], default));
        Assert.Equal(ErrorReason.ChannelNotFound, unknown.Reason);
        Assert.Equal(before, world.Log.Count);
        await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(0, 1)], default);
    }

    [Fact]
    public async Task A_refused_append_leaves_the_segment_as_it_was()
    {
        await using var world = new OwnerWorld();
        var owner = await world.OpenAsync();
        world.Log.RefuseNext = MiniMilvusException.Unavailable(ErrorReason.DiskFull, "full");
        var e = await Assert.ThrowsAsync<MiniMilvusException>(async () => await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(0, 1)], default));
        Assert.Equal(ErrorReason.DiskFull, e.Reason);
        await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(0, 1)], default);
        var stored = await world.StoredAsync();
        var insert = Assert.IsType<InsertBody>(stored[^1].Body);
        Assert.Equal(insert.Segment, Assert.IsType<CreateSegmentBody>(stored[^2].Body).Segment);
    }

    [Fact]
    public async Task A_stale_term_stops_the_owner_and_nothing_is_said()
    {
        await using var world = new OwnerWorld();
        var owner = await world.OpenAsync();
        var before = world.Log.Count;
        world.Coordinator.Newest = new Term(2);
        await Assert.ThrowsAsync<MiniMilvusException>(async () => await owner.SignalAsync(Timestamp.Zero, default));
        var e = await Assert.ThrowsAsync<MiniMilvusException>(async () => await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(0, 1)], default));
        Assert.Equal(ErrorKind.Fenced, e.Kind);
        Assert.Equal(before, world.Log.Count);
    }

    [Fact]
    public async Task A_failed_log_fails_every_later_append_and_the_next_term_goes_on_behind_what_was_durable()
    {
        await using var world = new OwnerWorld();
        var owner = await world.OpenAsync();
        await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(0, 4)], default);
        world.Log.IsInstant = false;
        var lost = owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(4, 4)], default).AsTask();
        while (world.Log.Count == world.Log.Durable)
        {
            await Task.Yield();
        }

        world.Log.FailPending(new IOException("EIO"));
        Assert.Equal(ErrorKind.Unavailable, (await Assert.ThrowsAsync<MiniMilvusException>(() => lost)).Kind);
        await Assert.ThrowsAnyAsync<Exception>(() => owner.Running);
        Assert.Equal(ErrorKind.Fenced, (await Assert.ThrowsAsync<MiniMilvusException>(async () => await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(8, 1)], default))).Kind);

        world.Log.IsInstant = true;
        var next = await world.OpenAsync(term: 2, withCollection: false);
        await next.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(20, 4)], default);
        var inserts = (await world.StoredAsync()).Select(m => m.Body).OfType<InsertBody>().ToList();
        Assert.Equal(2, inserts.Count);
        Assert.Equal(inserts[0].Segment, inserts[1].Segment);
    }

    [Fact]
    public async Task A_transaction_left_open_is_rolled_back_before_the_first_tick_of_the_next_term()
    {
        await using var world = new OwnerWorld();
        var owner = await world.OpenAsync();
        await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(0, 1)], default);
        await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Delete(0), OwnerWorld.Rows(0, 1)], default);
        var whole = await world.StoredAsync();
        Assert.IsType<CommitTransactionBody>(whole[^1].Body);
        world.Log.CutTo(world.Log.Count - 1);

        var next = await world.OpenAsync(term: 2, withCollection: false);
        var stored = await world.StoredAsync();
        Assert.IsType<RollbackTransactionBody>(stored[^2].Body);
        Assert.IsType<TimeTickBody>(stored[^1].Body);
        Assert.All(stored.Zip(stored.Skip(1)), p => Assert.True(p.First.TimeTick < p.Second.TimeTick, "ticks rise across terms (T6)"));
        await next.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(5, 1)], default);
    }

    [Fact]
    public async Task ManualFlush_seals_every_growing_segment_and_says_which()
    {
        await using var world = new OwnerWorld();
        var owner = await world.OpenAsync();
        await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(0, 1)], default);
        var result = await owner.AppendAsync(OwnerWorld.Channel, [new ManualFlushBody(OwnerWorld.Collection, [])], default);
        var sealedId = Assert.Single(result.Sealed);
        var stored = await world.StoredAsync();
        Assert.Equal(sealedId, Assert.IsType<FlushBody>(stored[^2].Body).Segment);
        Assert.Equal([sealedId], Assert.IsType<ManualFlushBody>(stored[^1].Body).Segments.ToArray());
        var again = await owner.AppendAsync(OwnerWorld.Channel, [new ManualFlushBody(OwnerWorld.Collection, [])], default);
        Assert.Empty(again.Sealed);
    }

    [Fact]
    public async Task A_full_backlog_refuses_with_a_retriable_error()
    {
        await using var world = new OwnerWorld { Options = new StreamingNodeOptions { BacklogBytesMax = 0 } };
        var owner = await world.OpenAsync();
        var e = await Assert.ThrowsAsync<MiniMilvusException>(async () => await owner.AppendAsync(OwnerWorld.Channel, [new CreateCollectionBody(OwnerWorld.Collection, OwnerWorld.Schema)], default));
        Assert.Equal(ErrorReason.RateLimited, e.Reason);
        Assert.True(e.IsRetriable);
    }

    [Fact]
    public async Task A_backlog_above_its_low_mark_slows_appends_in_proportion_until_a_checkpoint_moves()
    {
        var time = new ManualTime();
        await using var world = new OwnerWorld
        {
            Time = time, Options = new StreamingNodeOptions { BacklogBytesMax = 1000 << 20, BacklogSlowFrom = 0.5, BacklogDelayMax = TimeSpan.FromSeconds(10) },
        };
        var owner = await world.OpenAsync();
        var end = owner.Confirmed;
        owner.Backlog.Add(end, 750 << 20);
        var slowed = owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(0, 1)], default).AsTask();
        using var impatient = new CancellationTokenSource();
        var abandoned = owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(1, 1)], impatient.Token).AsTask();
        Assert.Equal(2, owner.Gate.Slowed);
        impatient.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned);
        time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(slowed.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.2));
        await slowed;

        owner.Backlog.Add(end, 251 << 20);
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(2, 1)], default).AsTask());
        Assert.Equal((ErrorReason.RateLimited, true), (error.Reason, error.IsRetriable));
        Assert.Contains($"expected at most {1000 << 20} bytes of its log", error.Message, StringComparison.Ordinal);
        Assert.Contains($"found {owner.Backlog.Bytes}", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, owner.Gate.Refused);

        owner.Backlog.Release(end.Next);
        await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(2, 1)], default);
        Assert.Equal((2, 1), (owner.Gate.Slowed, owner.Gate.Refused));
    }

    [Fact]
    public async Task A_transaction_for_which_the_log_has_no_room_is_refused_whole_and_one_that_was_let_in_goes_on_to_its_end()
    {
        await using var world = new OwnerWorld();
        var owner = await world.OpenAsync();
        var before = world.Log.Count;
        world.Log.IsFull = true;
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(0, 1), OwnerWorld.Delete(1)], default).AsTask());
        Assert.Equal(ErrorReason.DiskFull, error.Reason);
        Assert.Equal(before, world.Log.Count);
        Assert.False(owner.Running.IsCompleted);

        world.Log.IsFull = false;
        world.Log.OnRoomAsked = () => world.Log.IsFull = true;
        await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(0, 1), OwnerWorld.Delete(1)], default);
        Assert.IsType<CommitTransactionBody>((await world.StoredAsync())[^1].Body);
        Assert.False(owner.Running.IsCompleted);
    }

    [Fact]
    public async Task A_stored_tick_for_which_there_is_no_room_is_left_out_and_the_owner_goes_on()
    {
        var time = new ManualTime();
        await using var world = new OwnerWorld { Time = time, Options = new StreamingNodeOptions { TimeTickPersist = TimeTickPersistence.All } };
        var owner = await world.OpenAsync();
        var before = world.Log.Count;
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        (world.Log.IsFull, world.Log.OnRoomAsked) = (true, () => asked.TrySetResult());
        await time.ArmedAsync(world.Options.TimeTickInterval);
        time.Advance(world.Options.TimeTickInterval);
        await asked.Task;
        world.Log.IsFull = false;
        await owner.AppendAsync(OwnerWorld.Channel, [OwnerWorld.Rows(0, 1)], default);
        Assert.DoesNotContain((await world.StoredAsync()).Skip(before), m => m.Body is TimeTickBody);
    }

    private static async Task NoneOfAsync(params Task[] early)
    {
        var wait = Task.Delay(200);
        Assert.Same(wait, await Task.WhenAny([wait, .. early]));
    }
}
