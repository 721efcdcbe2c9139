using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.QueryNode.Channels;
using MiniMilvus.QueryNode.Growing;
using MiniMilvus.QueryNode.Sealed;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>A growing form with graphs answers until the flushed one has its index, so that no search scans a whole segment between the two.</summary>
public sealed class IndexWaitTests
{
    private static readonly TimeSpan s_wait = TimeSpan.FromMinutes(10);
    private static readonly QueryNodeOptions s_options = new() { ChunkRowsMin = 64, GraphStepRows = 16, HandoffIndexWait = s_wait };
    private readonly ManualTime _time = new();
    private readonly GrowingBudget _budget = new(1_000);

    [Fact]
    public async Task A_flushed_segment_takes_over_when_its_index_is_there()
    {
        await using var world = await World.ReadyAsync(options: s_options, indexWait: s_wait);
        world.Insert(10, [.. Enumerable.Range(0, 64).Select(i => (long)i)]);
        world.Tick(11);
        await GraphAsync(world);
        var record = await world.FlushAsync(1);
        Assert.True((await world.SearchAsync(11, World.VectorOf(3), 1)).Cost.GrowingSegments == 1);
        await world.IndexAsync(record);
        await world.Journal.WaitAsync(6003);
        Assert.True(Assert.Single((await world.Node.GetLoadStatusAsync(World.Collection, default)).Segments).IsIndexed);
    }

    [Fact]
    public async Task The_wait_ends_with_the_index_or_with_its_time_and_begins_only_where_searches_would_miss_a_graph()
    {
        await using var world = await World.ReadyAsync(options: s_options);
        world.Insert(10, [.. Enumerable.Range(0, 64).Select(i => (long)i)]);
        var record = await world.WriteFilesAsync(1);
        var wait = new IndexWait(s_options, _budget, _time);
        Assert.True(wait.IsOver(record, world.Record, Shown(graph: false)));
        Assert.True(wait.IsOver(record, world.Record, new ShardSnapshot([], [])));
        Assert.True(new IndexWait(s_options with { HandoffIndexWait = default }, _budget, _time).IsOver(record, world.Record, Shown(graph: true)));

        Assert.False(wait.IsOver(record, world.Record, Shown(graph: true)));
        Assert.True(wait.IsWaiting);
        Assert.True(wait.IsOver(record with { Indexes = [new SegmentIndexRecord(9, World.Vector, "path", 1)] }, world.Record, Shown(graph: true)));
        Assert.False(wait.IsWaiting);

        Assert.False(wait.IsOver(record, world.Record, Shown(graph: true)));
        _time.Advance(s_wait - TimeSpan.FromTicks(1));
        Assert.False(wait.IsOver(record, world.Record, Shown(graph: true)));
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.True(wait.IsOver(record, world.Record, Shown(graph: true)));
    }

    [Fact]
    public async Task Growing_rows_that_fill_half_their_room_do_not_wait()
    {
        await using var world = await World.ReadyAsync(options: s_options);
        world.Insert(10, [.. Enumerable.Range(0, 64).Select(i => (long)i)]);
        var record = await world.WriteFilesAsync(1);
        var wait = new IndexWait(s_options, _budget, _time);
        Assert.True(_budget.TryTake(500));
        Assert.False(wait.IsOver(record, world.Record, Shown(graph: true)));
        Assert.True(_budget.TryTake(1));
        Assert.True(wait.IsOver(record, world.Record, Shown(graph: true)));
        Assert.False(wait.IsWaiting);
    }

    private static ShardSnapshot Shown(bool graph)
    {
        var segment = GrowingSegment.Create(new SegmentId(1), World.Partition, World.Schema, _ => MetricType.L2, s_options);
        var rows = World.Rows([.. Enumerable.Range(0, 64).Select(i => (long)i)]);
        segment.Append(rows, new Timestamp(10), rows.Bytes);
        if (graph)
        {
            segment.TakeChunk()!.Extend(default);
        }

        return new ShardSnapshot([segment], []);
    }

    private static async Task GraphAsync(World world)
    {
        var patience = DateTime.UtcNow.AddSeconds(30);
        while (!(await world.Node.GetLoadStatusAsync(World.Collection, default)).Segments.Any(s => s.IsIndexed))
        {
            Assert.True(DateTime.UtcNow < patience, "expected a graph within 30 s");
            await Task.Yield();
        }
    }
}
