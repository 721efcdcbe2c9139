using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>Loading, replay and handoff: Q2-Q4, S5, S7.</summary>
public sealed class LoadTests
{
    [Fact]
    public async Task What_is_not_loaded_is_not_read()
    {
        await using var world = await World.StartAsync(load: false);
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => world.KeysAsync(1));
        Assert.Equal(ErrorReason.CollectionNotLoaded, error.Reason);
        var unknown = await Assert.ThrowsAsync<MiniMilvusException>(() => world.KeysAsync(1, change: r => r with { Collection = new CollectionId(77) }));
        Assert.Equal(ErrorReason.CollectionNotFound, unknown.Reason);
        Assert.Equal(0, (await world.Node.GetLoadStatusAsync(World.Collection, default)).ProgressPercent);
    }

    [Fact]
    public async Task While_loading_a_read_fails_and_says_so()
    {
        await using var world = await World.StartAsync();
        await world.Journal.WaitAsync(6000);
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => world.KeysAsync(1));
        Assert.Equal(ErrorReason.CollectionNotFullyLoaded, error.Reason);
        Assert.True(error.IsRetriable);
        Assert.InRange((await world.Node.GetLoadStatusAsync(World.Collection, default)).ProgressPercent, 1, 99);
        world.Tick(1);
        await world.Journal.WaitAsync(6001);
        Assert.Equal(100, (await world.Node.GetLoadStatusAsync(World.Collection, default)).ProgressPercent);
    }

    [Fact]
    public async Task A_fresh_node_answers_as_the_one_that_saw_it_all()
    {
        await using var world = await World.ReadyAsync();
        world.Insert(10, [.. Enumerable.Range(0, 200).Select(i => (long)i)]);
        world.Delete(20, [1, 2, 3]);
        var flushed = await world.FlushAsync(1);
        await world.DeleteFileAsync(1, [(1, 20), (2, 20), (3, 20)], world.Log.End);
        await world.CheckpointAsync(world.Log.End, 20);
        world.Insert(30, [500, 501], segment: 2);
        world.Delete(40, [5, 500]);
        world.Tick(50);
        var expected = await world.KeysAsync(50);
        Assert.Equal(200 + 2 - 5, expected.Count);
        using var second = world.NewNode();
        var run = world.RunNode(second);
        await world.Journal.WaitAsync(6001);
        Assert.Equal(expected, await world.KeysAsync(50, node: second));
        var query = World.VectorOf(7);
        Assert.Equal(World.Keys((await world.SearchAsync(50, query)).Keys), World.Keys((await world.SearchAsync(50, query, node: second)).Keys));
        Assert.False(run.IsCompleted);
        Assert.Equal(flushed.Id, Assert.Single((await second.GetLoadStatusAsync(World.Collection, default)).Segments, s => !s.IsGrowing).Id);
    }

    [Fact]
    public async Task Replay_from_an_old_checkpoint_doubles_nothing()
    {
        await using var world = await World.StartAsync(run: false);
        world.Insert(10, [1, 2, 3]);
        world.Delete(15, [2]);
        world.Insert(20, [4]);
        await world.FlushAsync(1);
        await world.DeleteFileAsync(1, [(2, 15)], world.Log.End);
        // The checkpoint lags: everything is in files and in the log.
        world.Insert(30, [5], segment: 2);
        world.Tick(31);
        world.Run();
        await world.Journal.WaitAsync(6001);
        Assert.Equal([1, 3, 4, 5], await world.KeysAsync(31));
        Assert.Equal(4, (await world.RetrieveAsync(31, change: r => r with { CountOnly = true })).Count);
    }

    [Fact]
    public async Task Messages_of_a_dropped_collection_or_partition_are_skipped()
    {
        await using var world = await World.StartAsync(run: false);
        world.Insert(10, [1]);
        world.Insert(11, [2], segment: 2, partition: World.Other);
        world.Log.Append(world.Channels[0], world.Base + 12, new DropPartitionBody(World.Collection, World.Other));
        world.Log.Append(VChannel.Of(new PChannel("p"), new CollectionId(99), 0), world.Base + 13, new InsertBody(new CollectionId(99), World.Partition, new SegmentId(9), 1, World.Rows([7])));
        world.Log.Append(VChannel.Of(new PChannel("p"), new CollectionId(99), 0), world.Base + 14, new DropCollectionBody(new CollectionId(99)));
        world.Tick(20);
        world.Run();
        await world.Journal.WaitAsync(6001);
        Assert.Equal([1], await world.KeysAsync(20));
        await world.PutAsync(world.Record with { State = DdlState.Dropping });
        await world.Journal.WaitAsync(6009);
        await world.DeleteKeyAsync(CatalogKeys.Collection(World.Collection));
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => world.KeysAsync(20));
        Assert.Equal(ErrorReason.CollectionNotFound, error.Reason);
        Assert.Equal(0, world.Node.Metrics.GrowingRows);
    }

    [Fact]
    public async Task Handoff_changes_no_answer()
    {
        await using var world = await World.ReadyAsync();
        world.Insert(10, [.. Enumerable.Range(0, 300).Select(i => (long)i)]);
        world.Delete(20, [10, 20, 30]);
        world.Tick(21);
        var before = await AnswersAsync(world, 21);
        var record = await world.FlushAsync(1);
        await world.Journal.WaitAsync(6003);
        var after = await AnswersAsync(world, 21);
        Assert.Equal(before, after);
        var status = await world.Node.GetLoadStatusAsync(World.Collection, default);
        Assert.False(Assert.Single(status.Segments).IsGrowing);
        Assert.Equal(0, world.Node.Metrics.GrowingRows);
        world.Delete(30, [40]);
        world.Tick(31);
        Assert.Equal(296, (await world.KeysAsync(31)).Count);
        await world.IndexAsync(record);
        await world.Journal.WaitAsync(6006);
        Assert.True(Assert.Single((await world.Node.GetLoadStatusAsync(World.Collection, default)).Segments).IsIndexed);
        Assert.DoesNotContain(40, World.Keys((await world.SearchAsync(31, World.VectorOf(40))).Keys));
    }

    [Fact]
    public async Task Reads_during_handoffs_and_deletes_lose_no_row_and_show_none_twice()
    {
        await using var world = await World.ReadyAsync();
        var tick = 10UL;
        var alive = new HashSet<long>();
        var next = 0L;
        for (var segment = 1; segment <= 12; segment++)
        {
            for (var batch = 0; batch < 5; batch++)
            {
                var keys = Enumerable.Range(0, 40).Select(_ => next++).ToArray();
                alive.UnionWith(keys);
                world.Insert(++tick, keys, segment: segment);
            }

            var doomed = alive.Where(k => k % 7 == segment % 7).Take(15).ToArray();
            world.Delete(++tick, doomed);
            alive.ExceptWith(doomed);
            world.Tick(++tick);
            var at = tick;
            var flush = world.FlushAsync(segment);
            for (var read = 0; read < 10; read++)
            {
                var found = await world.KeysAsync(at);
                Assert.Equal(alive.Order(), found);
                Assert.Equal(alive.Count, (await world.RetrieveAsync(at, change: r => r with { CountOnly = true })).Count);
                var hits = World.Keys((await world.SearchAsync(at, World.VectorOf(read), alive.Count + 10)).Keys);
                Assert.Equal(alive.Order(), hits.Order());
            }

            await flush;
        }

        await world.Journal.WaitAsync(6003, 12);
        Assert.Equal(alive.Order(), await world.KeysAsync(tick));
        Assert.All((await world.Node.GetLoadStatusAsync(World.Collection, default)).Segments, s => Assert.False(s.IsGrowing));
    }

    [Fact]
    public async Task A_segment_whose_file_is_damaged_keeps_answering_from_the_log()
    {
        await using var world = await World.ReadyAsync();
        world.Insert(10, [1, 2]);
        var record = await world.WriteFilesAsync(1);
        await world.Objects.PutAsync(record.ManifestPath, new System.Buffers.ReadOnlySequence<byte>("{}"u8.ToArray()), Storage.Objects.PutCondition.Always, default);
        await world.PutAsync(CatalogKeys.Segment(World.Collection, record.Id), CatalogCodec.Encode(record));
        await world.Journal.WaitAsync(6005);
        Assert.Equal([1, 2], await world.KeysAsync(10));
        await world.WriteFilesAsync(1);
        await world.Time.ArmedAsync(world.Options.RetryDelay);
        world.Time.Advance(world.Options.RetryDelay);
        await world.Journal.WaitAsync(6003);
        Assert.Equal([1, 2], await world.KeysAsync(10));
    }

    [Fact]
    public async Task A_read_waits_for_a_collection_that_is_still_loading()
    {
        await using var world = await World.StartAsync(run: false, loadWait: TimeSpan.FromSeconds(10));
        world.Insert(10, [1]);
        world.Run();
        await world.Journal.WaitAsync(6000);
        var keys = world.KeysAsync(1);
        Assert.False(keys.IsCompleted);
        world.Tick(11);
        Assert.Equal([1], await keys);
    }

    [Fact]
    public async Task A_truncated_log_makes_the_shard_start_over_from_the_newer_checkpoint()
    {
        await using var world = await World.StartAsync(run: false);
        world.Insert(10, [1]);
        world.Log.TruncatedUntil = world.Log.End;
        world.Run();
        await world.Journal.WaitAsync(6002);
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => world.KeysAsync(1));
        Assert.Equal(ErrorReason.CollectionNotFullyLoaded, error.Reason);
        await world.FlushAsync(1);
        await world.CheckpointAsync(world.Log.End, 11);
        world.Tick(12);
        await world.Time.ArmedAsync(world.Options.RetryDelay);
        world.Time.Advance(world.Options.RetryDelay);
        await world.Journal.WaitAsync(6001);
        Assert.Equal([1], await world.KeysAsync(12));
    }

    [Fact]
    public async Task The_node_reports_what_it_still_needs_of_the_log()
    {
        await using var world = await World.ReadyAsync();
        Assert.Equal((new PChannel("p"), LogPosition.Beginning), world.Coordinator.Reports[0]);
        world.Insert(10, [1]);
        world.Insert(11, [2], segment: 2);
        Assert.Equal([1, 2], await world.KeysAsync(11));
        await world.FlushAsync(1);
        await world.CheckpointAsync(new LogPosition(1, 1), 11);
        await world.Journal.WaitAsync(6003);
        // The checkpoint follows the handoff in the same pass of the catalogue loop; one more pass proves that it has ended.
        await world.FlushAsync(2);
        await world.Journal.WaitAsync(6003, 2);
        await world.Time.ArmedAsync(world.Options.ReportInterval);
        world.Time.Advance(world.Options.ReportInterval);
        await world.Time.ArmedAsync(world.Options.ReportInterval);
        Assert.Equal(new LogPosition(1, 1), world.Coordinator.Reports[^1].Position);
    }

    [Fact]
    public async Task Growing_rows_are_bounded_and_a_handoff_makes_room()
    {
        var keys = Enumerable.Range(0, 100).Select(i => (long)i).ToArray();
        await using var world = await World.ReadyAsync(options: new QueryNodeOptions { GrowingBytesMax = World.Rows(keys).Bytes + 10 });
        world.Insert(10, keys);
        world.Insert(20, [1000], segment: 2);
        await world.Journal.WaitAsync(6010);
        Assert.Equal(100, (await world.KeysAsync(10)).Count);
        var blocked = world.KeysAsync(20);
        Assert.False(blocked.IsCompleted);
        await world.FlushAsync(1);
        Assert.Equal(101, (await blocked).Count);
    }

    private static async Task<List<string>> AnswersAsync(World world, ulong at)
    {
        var answers = new List<string>();
        foreach (var filter in new[] { "", "age < 5", "color == 'red' and age >= 50", "age is null", "id in [10, 11, 12]" })
        {
            answers.Add(string.Join(',', await world.KeysAsync(at, filter)));
            for (var i = 0; i < 5; i++)
            {
                var found = await world.SearchAsync(at, World.VectorOf(1000 + i), 10, filter);
                answers.Add(string.Join(',', World.Keys(found.Keys).Zip(found.Scores)));
            }
        }

        return answers;
    }
}
