using System.Buffers;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging.Abstractions;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;
using MiniMilvus.DataNode.Channels;
using MiniMilvus.DataNode.Flush;
using MiniMilvus.DataNode.Garbage;
using MiniMilvus.DataNode.Tests.Support;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.DataNode.Tests;

/// <summary>S9: what no record names goes, and nothing that a record names or may come to name.</summary>
public sealed class GarbageTests
{
    private static readonly IndexRecord Hnsw = new() { Id = 500, Name = "v", Field = FakeLog.Vector, IndexType = "HNSW", Metric = MetricType.L2, Params = ImmutableSortedDictionary<string, string>.Empty };

    [Fact]
    public async Task Files_that_no_record_names_go_and_all_others_stay()
    {
        await using var world = new World();
        var (shard, segment) = await FlushedAsync(world);
        var growing = await world.CreateSegmentAsync(shard);
        var kept = await KeysAsync(world);
        string[] garbage =
        [
            $"segments/10/1/{segment}/100-7.col", $"segments/10/1/{segment}/manifest-7.json", $"segments/10/1/{segment}/index/500-8.idx",
            $"segments/10/1/{growing}/100-5.col", $"deletes/10/{shard.Name}/9.del",
        ];
        string[] others =
        [
            "segments/10/1/999/100-3.col", // no record: a dropped partition's
            $"segments/10/1/{segment}/100-999999999.col", // of an attempt that is yet to come
            $"segments/10/1/{segment}/note.txt", "deletes/10/p9_10v0/9.del", "segments/11/1/1/100-3.col",
        ];
        foreach (var key in garbage.Concat(others))
        {
            await PutAsync(world, key);
        }

        using var lease = await LeaseAsync(world);
        Assert.Equal(garbage.Length, await Collector(world, lease, new LiveAttempts()).CollectAsync(lease, default));
        Assert.Equal(kept.Concat(others).Order(StringComparer.Ordinal), (await KeysAsync(world)).Order(StringComparer.Ordinal));
        Assert.Equal(0, await Collector(world, lease, new LiveAttempts()).CollectAsync(lease, default));
    }

    [Fact]
    public async Task An_index_file_that_was_discarded_goes()
    {
        await using var world = new World();
        var (shard, segment) = await FlushedAsync(world);
        var record = world.View.Current.FindSegment(new CollectionId(10), segment)!;
        await world.Coordinator.PutAsync(CatalogKeys.Segment(record.Collection, segment), CatalogCodec.Encode(record with { Indexes = [] }));
        using var lease = await LeaseAsync(world);
        Assert.Equal(1, await Collector(world, lease, new LiveAttempts()).CollectAsync(lease, default));
        Assert.DoesNotContain(record.Indexes[0].Path, await KeysAsync(world));
        Assert.Contains(record.ManifestPath, await KeysAsync(world));
        Assert.Equal(shard, record.Channel);
    }

    [Fact]
    public async Task The_file_of_an_index_that_was_dropped_goes_and_one_that_came_in_its_place_stays()
    {
        await using var world = new World();
        var (_, segment) = await FlushedAsync(world);
        var record = world.View.Current.FindSegment(new CollectionId(10), segment)!;
        var dropped = record.Indexes.Single();
        var collection = world.View.Current.FindCollection(record.Collection)!;
        var kept = new SegmentIndexRecord(501, dropped.Field, ObjectPaths.IndexFile(record.Collection, record.Partition, segment, 501, 3), 1);
        await PutAsync(world, kept.Path);
        await world.Coordinator.PutAsync(CatalogKeys.Segment(record.Collection, segment), CatalogCodec.Encode(record with { Indexes = [dropped, kept] }));
        await world.Coordinator.PutAsync(CatalogKeys.Collection(record.Collection), CatalogCodec.Encode(collection with { Indexes = [Hnsw with { Id = 501 }] }));
        using var lease = await LeaseAsync(world);
        Assert.Equal(0, await Collector(world, lease, new LiveAttempts()).CollectAsync(lease, default));
        Assert.Equal(1, await Collector(world, lease, new LiveAttempts()).CollectAsync(lease, default));
        Assert.Equal(kept, Assert.Single((await world.View.RefreshAsync(default)).FindSegment(record.Collection, segment)!.Indexes));
        Assert.DoesNotContain(dropped.Path, await KeysAsync(world));
        Assert.Contains(kept.Path, await KeysAsync(world));
    }

    [Fact]
    public async Task A_file_that_is_damaged_goes_and_keeps_no_other_from_going()
    {
        await using var world = new World();
        var (_, segment) = await FlushedAsync(world);
        var disk = new SimulatedDisk(TimeProvider.System, 1);
        var files = await LocalObjectStore.OpenAsync(disk.Mount(), "", default);
        string[] garbage = [$"segments/10/1/{segment}/index/500-7.idx", $"segments/10/1/{segment}/index/500-8.idx"];
        foreach (var key in garbage)
        {
            await files.PutAsync(key, new ReadOnlySequence<byte>(new byte[] { 1 }), PutCondition.Always, default);
        }

        disk.Damage(garbage[0], 3, 0x80); // in the footer
        using var lease = await LeaseAsync(world);
        Assert.Equal(2, await Collector(world, lease, new LiveAttempts(), files).CollectAsync(lease, default));
        Assert.Empty(await files.ListKeysAsync("", default));
    }

    [Fact]
    public async Task What_is_under_way_here_stays_and_while_a_number_is_unknown_so_does_everything()
    {
        await using var world = new World();
        var (_, segment) = await FlushedAsync(world);
        var key = $"segments/10/1/{segment}/index/500-7.idx";
        await PutAsync(world, key);
        using var lease = await LeaseAsync(world);
        var live = new LiveAttempts();
        var collector = Collector(world, lease, live);
        using (var attempt = live.Begin())
        {
            Assert.Null(await collector.CollectAsync(lease, default));
            attempt.Is(7);
            Assert.Equal(0, await collector.CollectAsync(lease, default));
            Assert.Contains(key, await KeysAsync(world));
        }

        Assert.Equal(1, await collector.CollectAsync(lease, default));
        Assert.DoesNotContain(key, await KeysAsync(world));
    }

    [Fact]
    public async Task A_node_that_lost_the_channel_deletes_nothing()
    {
        await using var world = new World();
        var (_, segment) = await FlushedAsync(world);
        await PutAsync(world, $"segments/10/1/{segment}/index/500-7.idx");
        using var old = await LeaseAsync(world);
        using var next = await LeaseAsync(world);
        var before = await KeysAsync(world);
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => Collector(world, old, new LiveAttempts()).CollectAsync(old, default));
        Assert.Equal(ErrorKind.Fenced, error.Kind);
        Assert.Equal(before, await KeysAsync(world));
    }

    [Fact]
    public async Task A_running_node_collects_now_and_then()
    {
        await using var world = new World();
        world.Options = world.Options with { GarbageInterval = TimeSpan.FromMilliseconds(1) };
        var (_, segment) = await FlushedAsync(world);
        var before = await KeysAsync(world);
        var garbage = $"segments/10/1/{segment}/index/500-7.idx";
        await PutAsync(world, garbage);
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var node = world.Start((step, _) =>
        {
            if (step.Contains("delete", StringComparison.OrdinalIgnoreCase))
            {
                gone.TrySetResult();
            }

            return Fault.None;
        });
        await gone.Task.WaitAsync(TimeSpan.FromSeconds(20));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while ((await KeysAsync(world)).Contains(garbage))
        {
            await Task.Delay(1, limit.Token); // the step is told of before it happens
        }

        Assert.Equal(before, await KeysAsync(world));
    }

    private static async Task<(VChannel Shard, SegmentId Segment)> FlushedAsync(World world)
    {
        await using var node = world.Start();
        var shard = await world.CreateCollectionAsync(10, Hnsw);
        var segment = await world.CreateSegmentAsync(shard);
        world.Log.Append(shard, World.Insert(shard, segment, 1, 2, 3));
        world.Log.Append(shard, World.Delete(shard, 2));
        await world.ManualFlushAsync(shard, segment);
        await world.UntilAsync(s => s.FindSegment(new CollectionId(10), segment)?.Indexes.IsEmpty == false);
        return (shard, segment);
    }

    private static async Task<ChannelLease> LeaseAsync(World world) =>
        new(World.PChannel, await world.Coordinator.AcquireDataChannelAsync(1, World.PChannel, default), world.Coordinator, new Retry(world.Time, world.Options, NullLogger.Instance));

    private static GarbageCollector Collector(World world, ChannelLease lease, LiveAttempts live, IObjectStore? files = null) =>
        new(world.View, [lease], files ?? world.Objects, live, world.Time, new Metrics(new BufferBudget(1)), NullLogger.Instance, world.Options);

    private static Task PutAsync(World world, string key) => world.Objects.PutAsync(key, new ReadOnlySequence<byte>(new byte[] { 1 }), PutCondition.Always, default).AsTask();

    private static async Task<List<string>> KeysAsync(World world)
    {
        var keys = new List<string>();
        await foreach (var info in world.Objects.ListAsync("", default))
        {
            keys.Add(info.Key);
        }

        return keys;
    }
}
