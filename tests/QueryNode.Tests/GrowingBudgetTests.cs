using Microsoft.Extensions.Logging.Abstractions;
using MiniMilvus.Core;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.QueryNode.Growing;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>Q8: what a growing segment holds, its graphs too, is charged while it is here.</summary>
public sealed class GrowingBudgetTests
{
    [Fact]
    public async Task Graphs_are_charged_as_they_come_to_be_and_given_back_with_the_rows()
    {
        var options = new QueryNodeOptions { ChunkRowsMin = 128, GraphStepRows = 64 };
        using var metrics = new QueryNodeMetrics();
        var budget = new GrowingBudget(options.GrowingBytesMax);
        var builder = new GraphBuilder(new AtOnce(), 1, budget, metrics, NullLogger.Instance);
        var segment = GrowingSegment.Create(new SegmentId(1), World.Partition, World.Schema, _ => MetricType.L2, options);
        var rows = World.Rows([.. Enumerable.Range(0, 200).Select(i => (long)i)]);
        Assert.True(budget.TryTake(rows.Bytes));
        segment.Append(rows, new Timestamp(10), rows.Bytes);
        Assert.Equal(rows.Bytes, budget.Used);

        using var stop = new CancellationTokenSource();
        builder.Offer(segment);
        var building = builder.RunAsync(stop.Token);
        Assert.Equal(8, segment.Vectors.Sum(v => v.WaitingRows));
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => building);

        var graphs = segment.Vectors.Sum(v => v.GraphBytes);
        Assert.True(graphs > 0);
        Assert.Equal(rows.Bytes + graphs, budget.Used);
        budget.Give(segment.Release());
        Assert.Equal(0, budget.Used);
        segment.ChargeGraphs(budget);
        Assert.Equal(0, budget.Used);
    }

    private sealed class AtOnce : IComputePool
    {
        public Task<T> RunAsync<T>(Func<T> work, CancellationToken ct) => Task.FromResult(work());
    }
}
