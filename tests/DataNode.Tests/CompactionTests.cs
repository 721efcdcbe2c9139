using Microsoft.Extensions.Logging.Abstractions;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Time;
using MiniMilvus.DataNode.Channels;
using MiniMilvus.DataNode.Flush;
using MiniMilvus.DataNode.Garbage;
using MiniMilvus.DataNode.Tests.Support;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Compaction;

namespace MiniMilvus.DataNode.Tests;

/// <summary>S8, S9, Q7: segments become one, in one step, with every delete that is old enough and none lost.</summary>
public sealed class CompactionTests
{
    private static readonly CollectionId Collection = new(10);
    private static readonly CompactionOptions Eager = new() { TriggerInterval = TimeSpan.FromMilliseconds(10), SegmentsMin = 2, DropTolerance = TimeSpan.Zero };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Whatever_is_compacted_a_reader_sees_what_the_log_says_at_every_tick_that_is_not_purged(int seed)
    {
        await using var world = Compacting(Eager);
        await using var node = world.Start();
        var shard = await WrittenAsync(world, seed, segments: 5);
        var snapshot = await world.UntilAsync(s => Flushed(s).Count <= 1);
        await CompactionTruth.CheckAsync(world, snapshot, shard);
        Assert.Contains(snapshot.SegmentsOf(Collection).Values, s => s.State == SegmentState.Compacted);
        Assert.True(snapshot.SegmentsOf(Collection).Values.Max(s => s.PurgedUntil) > Timestamp.Zero);
    }

    [Fact]
    public async Task A_row_that_was_deleted_within_the_retention_time_is_kept()
    {
        await using var world = Compacting(Eager);
        world.Options = world.Options with { Retention = new RetentionOptions { RetentionDuration = TimeSpan.FromDays(365 * 100) } };
        await using var node = world.Start();
        var shard = await WrittenAsync(world, seed: 1, segments: 3);
        var snapshot = await world.UntilAsync(s => Flushed(s).Count == 1);
        var output = Assert.Single(Flushed(snapshot));
        Assert.Equal(Timestamp.Zero, output.PurgedUntil);
        Assert.Equal(LogPosition.Beginning, output.DeletesUntil);
        // However many compactions it took: some may have run before the last segment was there.
        Assert.Equal(world.Log.Messages.Sum(m => m.Body is InsertBody insert ? insert.Rows.Count : 0), output.Rows);
        await CompactionTruth.CheckAsync(world, snapshot, shard);
    }

    [Fact]
    public async Task A_delete_that_comes_while_a_compaction_runs_is_not_lost()
    {
        await using var world = Compacting(Eager);
        var began = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var node = world.Start();
        node.Life.HoldCommit = commit =>
        {
            if (commit is not CommitCompaction)
            {
                return Task.CompletedTask;
            }

            began.TrySetResult();
            return released.Task;
        };
        var shard = await world.CreateCollectionAsync(10);
        foreach (var first in new[] { 0, 100 })
        {
            var segment = await world.CreateSegmentAsync(shard);
            world.Log.Append(shard, World.Insert(shard, segment, [.. Enumerable.Range(first, 10).Select(i => (long)i)]));
            await world.ManualFlushAsync(shard, segment);
        }

        await began.Task.WaitAsync(TimeSpan.FromSeconds(20));
        world.Log.Append(shard, World.Delete(shard, 3, 103));
        await world.ManualFlushAsync(shard); // In a file now, and below the checkpoint.
        world.Log.Append(shard, World.Delete(shard, 4));
        released.SetResult();
        var snapshot = await world.UntilAsync(s => Flushed(s).Count == 1);
        await world.ManualFlushAsync(shard);
        await CompactionTruth.CheckAsync(world, world.View.Current, shard);
        Assert.True(Flushed(snapshot)[0].DeletesUntil < snapshot.CheckpointOf(shard)!.Position);
    }

    [Fact]
    public async Task A_segment_that_lost_enough_rows_is_rewritten_and_one_that_lost_all_is_dropped()
    {
        await using var world = Compacting(Eager with { SmallProportion = 0, DeletedShare = 0.5 });
        await using var node = world.Start();
        var shard = await world.CreateCollectionAsync(10);
        var segments = new List<SegmentId>();
        for (var i = 0; i < 3; i++)
        {
            segments.Add(await world.CreateSegmentAsync(shard));
            world.Log.Append(shard, World.Insert(shard, segments[i], [.. Enumerable.Range(i * 10, 4).Select(k => (long)k)]));
        }

        world.Log.Append(shard, World.Delete(shard, 0)); // a quarter
        world.Log.Append(shard, World.Delete(shard, 10, 11)); // the half
        world.Log.Append(shard, World.Delete(shard, 20, 21, 22, 23)); // all
        await world.ManualFlushAsync(shard, [.. segments]);
        var snapshot = await world.UntilAsync(s => s.SegmentsOf(Collection).Values.Count(r => r.State == SegmentState.Compacted) == 2);
        Assert.Equal([4, 2], Flushed(snapshot).Select(s => s.Rows));
        Assert.Equal(SegmentState.Flushed, snapshot.FindSegment(Collection, segments[0])!.State);
        var empty = snapshot.FindSegment(Collection, snapshot.FindSegment(Collection, segments[2])!.CompactedTo)!;
        Assert.Equal((SegmentState.Dropped, 0), (empty.State, empty.Rows));
        await CompactionTruth.CheckAsync(world, snapshot, shard);
    }

    [Fact]
    public async Task After_a_crash_at_any_step_the_next_life_compacts_and_what_was_left_is_collected()
    {
        var operations = await CrashedAsync(int.MaxValue, Fault.None);
        Assert.InRange(operations, 8, 200);
        for (var at = 0; at < operations; at++)
        {
            await CrashedAsync(at, Fault.CrashBefore);
            await CrashedAsync(at, Fault.CrashAfter);
        }
    }

    [Fact]
    public async Task Lost_replies_and_refusals_everywhere_change_nothing_but_the_time()
    {
        await using var world = Compacting(Eager);
        var random = new Random(5);
        var faults = Enumerable.Range(0, 10_000).Select(_ => random.Next(3) switch { 0 => Fault.ReplyLost, 1 => Fault.Refused, _ => Fault.None }).ToArray();
        await using var node = world.Start((_, n) => faults[n]);
        var shard = await WrittenAsync(world, seed: 9, segments: 3);
        var snapshot = await world.UntilAsync(s => Flushed(s).Count == 1);
        await CompactionTruth.CheckAsync(world, snapshot, shard);
    }

    [Fact]
    public async Task A_node_that_lost_the_channel_flips_nothing()
    {
        await using var world = Compacting(Eager);
        var began = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var old = world.Start();
        old.Life.HoldCommit = commit =>
        {
            if (commit is not CommitCompaction)
            {
                return Task.CompletedTask;
            }

            began.TrySetResult();
            return released.Task;
        };
        var shard = await WrittenAsync(world, seed: 2, segments: 3);
        await began.Task.WaitAsync(TimeSpan.FromSeconds(20));
        world.Options = world.Options with { Compaction = Eager with { IsAutomatic = false } };
        await using var next = world.Start();
        await world.ManualFlushAsync(shard);
        released.SetResult();
        await old.Ended.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.DoesNotContain(world.View.Current.SegmentsOf(Collection).Values, s => s.State == SegmentState.Compacted);
        await CompactionTruth.CheckAsync(world, world.View.Current, shard);
    }

    [Fact]
    public async Task What_was_asked_for_is_carried_out_and_written_down()
    {
        await using var world = Compacting(Eager with { IsAutomatic = false });
        await using var node = world.Start();
        var shard = await WrittenAsync(world, seed: 3, segments: 3);
        var inputs = Flushed(world.View.Current).Select(s => s.Id).ToList();
        await AskAsync(world, 7, new CompactionPlan(shard, new PartitionId(1), [.. inputs], CompactionPlanState.Executing, SegmentId.None),
            new CompactionPlan(shard, new PartitionId(1), [new SegmentId(999)], CompactionPlanState.Executing, SegmentId.None));
        var snapshot = await world.UntilAsync(s => s.Compactions.TryGetValue(7, out var c) && c.IsCompleted);
        var plans = snapshot.Compactions[7].Plans;
        Assert.Equal([CompactionPlanState.Completed, CompactionPlanState.Failed], plans.Select(p => p.State));
        Assert.Equal(Assert.Single(Flushed(snapshot)).Id, plans[0].Output);
        await CompactionTruth.CheckAsync(world, snapshot, shard);
    }

    [Fact]
    public async Task A_damaged_segment_is_left_as_it_is_and_keeps_no_other_from_being_compacted()
    {
        await using var world = Compacting(Eager with { IsAutomatic = false });
        VChannel shard;
        await using (world.Start())
        {
            shard = await WrittenAsync(world, seed: 4, segments: 4);
        }

        var damaged = Flushed(world.View.Current)[0];
        var others = Flushed(world.View.Current).Skip(1).Select(s => s.Id).ToList();
        await world.Objects.PutAsync(damaged.ManifestPath, new System.Buffers.ReadOnlySequence<byte>(new byte[] { 1 }), Storage.Objects.PutCondition.Always, default);
        world.Options = world.Options with { Compaction = Eager };
        await using var node = world.Start();
        var snapshot = await world.UntilAsync(s => Flushed(s).Count == 2);
        Assert.Equal(SegmentState.Flushed, snapshot.FindSegment(Collection, damaged.Id)!.State);
        Assert.All(others, id => Assert.Equal(SegmentState.Compacted, snapshot.FindSegment(Collection, id)!.State));
    }

    [Fact]
    public async Task Deletes_that_every_segment_has_and_segments_that_nobody_can_meet_again_are_forgotten()
    {
        await using var world = Compacting(Eager);
        VChannel shard;
        await using (world.Start())
        {
            shard = await WrittenAsync(world, seed: 6, segments: 3);
            await world.UntilAsync(s => Flushed(s).Count == 1);
        }

        var inputs = world.View.Current.SegmentsOf(Collection).Values.Where(s => s.State == SegmentState.Compacted).ToList();
        // A reader that still needs the log holds the records, and not the files.
        await world.Coordinator.PutAsync(CatalogKeys.Readers(World.PChannel) + "5", System.Text.Encoding.ASCII.GetBytes(inputs.Min(s => s.Start).ToString()));
        await CollectAsync(world, rounds: 3);
        Assert.Equal(inputs.Select(s => s.Id), (await world.View.RefreshAsync(default)).SegmentsOf(Collection).Values.Where(s => s.State == SegmentState.Compacted).Select(s => s.Id));
        await world.Coordinator.RemoveAsync(CatalogKeys.Readers(World.PChannel) + "5");
        await CollectAsync(world, rounds: 3);
        var snapshot = await world.View.RefreshAsync(default);
        Assert.Equal(Flushed(snapshot), snapshot.SegmentsOf(Collection).Values);
        Assert.Empty(snapshot.DeleteFilesOf(shard));
        await CompactionTruth.CheckAsync(world, snapshot, shard);
    }

    [Fact]
    public async Task The_record_that_says_below_what_rows_are_missing_stays_although_no_row_is_left()
    {
        await using var world = Compacting(Eager);
        await using (world.Start())
        {
            var shard = await world.CreateCollectionAsync(10);
            foreach (var first in new[] { 0, 100 })
            {
                var segment = await world.CreateSegmentAsync(shard);
                long[] keys = [first, first + 1];
                world.Log.Append(shard, World.Insert(shard, segment, keys));
                world.Log.Append(shard, World.Delete(shard, keys));
                await world.ManualFlushAsync(shard, segment);
                await world.UntilAsync(s => Flushed(s).Count == 0 && s.SegmentsOf(Collection).Values.Any(o => o.State == SegmentState.Dropped && o.CompactedFrom.Contains(segment)));
            }
        }

        var purged = world.View.Current.SegmentsOf(Collection).Values.Max(s => s.PurgedUntil);
        Assert.True(purged > Timestamp.Zero);
        await CollectAsync(world, rounds: 3);
        var witness = Assert.Single((await world.View.RefreshAsync(default)).SegmentsOf(Collection).Values);
        Assert.Equal((SegmentState.Dropped, purged), (witness.State, witness.PurgedUntil));
    }

    private static World Compacting(CompactionOptions options)
    {
        var world = new World();
        world.Options = world.Options with { Compaction = options };
        return world;
    }

    private static List<SegmentRecord> Flushed(CatalogSnapshot snapshot) => [.. snapshot.SegmentsOf(Collection).Values.Where(s => s.State == SegmentState.Flushed)];

    private static Task AskAsync(World world, long id, params CompactionPlan[] plans) =>
        world.Coordinator.PutAsync(CatalogKeys.Compaction(Collection, id), CatalogCodec.Encode(new CompactionRecord(id, Collection, Timestamp.Zero, [.. plans])));

    /// <summary>Inserts, deletes and upserts over several segments, each flushed, with deletes that come before and after.</summary>
    private static async Task<VChannel> WrittenAsync(World world, int seed, int segments)
    {
        var random = new Random(seed);
        var shard = await world.CreateCollectionAsync(10);
        for (var s = 0; s < segments; s++)
        {
            var segment = await world.CreateSegmentAsync(shard);
            for (var i = 0; i < 4; i++)
            {
                var keys = Enumerable.Range(0, 6).Select(_ => (long)random.Next(60)).Distinct().ToArray();
                switch (random.Next(3))
                {
                    case 0:
                        world.Log.Append(shard, World.Insert(shard, segment, keys));
                        break;
                    case 1:
                        world.Log.Append(shard, World.Delete(shard, keys), World.Insert(shard, segment, keys)); // an upsert
                        break;
                    default:
                        world.Log.Append(shard, World.Insert(shard, segment, keys));
                        world.Log.Append(shard, World.Delete(shard, keys[..3]));
                        break;
                }
            }

            await world.ManualFlushAsync(shard, segment);
        }

        return shard;
    }

    /// <summary>One life that crashes once compaction has begun, one that goes on. Returns the operations of the first life from there.</summary>
    private static async Task<int> CrashedAsync(int crashAt, Fault crash)
    {
        await using var world = Compacting(Eager with { IsAutomatic = false });
        VChannel shard;
        await using (world.Start())
        {
            shard = await WrittenAsync(world, seed: 8, segments: 3);
        }

        world.Options = world.Options with { Compaction = Eager };
        var count = 0;
        var first = world.Start((step, _) => IsCompaction(step) && count++ == crashAt ? crash : Fault.None);
        if (crashAt == int.MaxValue)
        {
            await world.UntilAsync(s => Flushed(s).Count == 1);
            await first.DisposeAsync();
            return count;
        }

        await first.Ended.ContinueWith(static _ => { }, TaskScheduler.Default).WaitAsync(TimeSpan.FromSeconds(20));
        await first.DisposeAsync();
        await using (world.Start())
        {
            await world.UntilAsync(s => Flushed(s).Count == 1);
        }

        await CollectAsync(world, rounds: 3);
        var snapshot = await world.View.RefreshAsync(default);
        await CompactionTruth.CheckAsync(world, snapshot, shard);
        var output = Assert.Single(snapshot.SegmentsOf(Collection).Values);
        await foreach (var file in world.Objects.ListAsync("segments/", default))
        {
            Assert.Contains($"/{output.Id}/", file.Key, StringComparison.Ordinal);
        }

        return count;
    }

    private static bool IsCompaction(string step) => step is "ids" or "commit BeginCompaction" or "commit CommitCompaction" || step.StartsWith("put segments/", StringComparison.Ordinal);

    private static async Task CollectAsync(World world, int rounds)
    {
        using var lease = new ChannelLease(
            World.PChannel, await world.Coordinator.AcquireDataChannelAsync(1, World.PChannel, default), world.Coordinator, new Retry(world.Time, world.Options, NullLogger.Instance));
        var collector = new GarbageCollector(
            world.View, [lease], world.Objects, new LiveAttempts(), world.Time, new Metrics(new BufferBudget(1)), NullLogger.Instance, world.Options);
        for (var i = 0; i < rounds; i++)
        {
            await collector.CollectAsync(lease, default);
        }
    }
}
