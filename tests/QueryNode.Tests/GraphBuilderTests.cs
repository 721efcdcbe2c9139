using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using MiniMilvus.Core;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.QueryNode.Growing;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>Several workers extend the graphs of one segment: a chunk each, and none is left behind.</summary>
public sealed class GraphBuilderTests
{
    private static readonly QueryNodeOptions s_options = new() { ChunkRowsMin = 128, ChunkRowsMax = 256, GraphStepRows = 64 };

    [Fact]
    public async Task Two_workers_are_at_two_chunks_of_a_segment_at_once()
    {
        var (builder, pool, segment) = Make(workers: 2, rows: 900);
        using var stop = new CancellationTokenSource();
        var building = builder.RunAsync(stop.Token);
        builder.Offer(segment);

        // Nothing of the first step has run when the second is asked for.
        await pool.HasAsync(2);
        await pool.RunAllAsync(() => segment.Vectors.Sum(v => v.WaitingRows) < s_options.GraphStepRows);
        Assert.Equal(2, pool.Most);
        await EndAsync(stop, building);
    }

    [Fact]
    public async Task Rows_that_come_while_their_chunk_is_taken_get_their_graph_without_another_insert()
    {
        var (builder, pool, segment) = Make(workers: 2, rows: 64);
        using var stop = new CancellationTokenSource();
        var building = builder.RunAsync(stop.Token);
        builder.Offer(segment);
        await pool.HasAsync(1);
        Append(segment, 64, 64);
        builder.Offer(segment);
        await pool.RunAllAsync(() => segment.Vectors.Sum(v => v.WaitingRows) == 0);
        await EndAsync(stop, building);
    }

    private static (GraphBuilder Builder, HeldPool Pool, GrowingSegment Segment) Make(int workers, int rows)
    {
        var pool = new HeldPool();
        var segment = GrowingSegment.Create(new SegmentId(1), World.Partition, World.Schema, _ => MetricType.L2, s_options);
        Append(segment, 0, rows);
        return (new GraphBuilder(pool, workers, new GrowingBudget(1 << 30), new QueryNodeMetrics(), NullLogger.Instance), pool, segment);
    }

    private static void Append(GrowingSegment segment, int from, int count)
    {
        var rows = World.Rows([.. Enumerable.Range(from, count).Select(i => (long)i)]);
        segment.Append(rows, new Timestamp((ulong)(10 + from)), rows.Bytes);
    }

    private static async Task EndAsync(CancellationTokenSource stop, Task building)
    {
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => building);
    }

    /// <summary>Work runs when the test says so, all that waits together, each on a thread of its own.</summary>
    private sealed class HeldPool : MiniMilvus.Core.Time.IComputePool
    {
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
        private readonly ConcurrentQueue<Task> _waiting = new();

        public int Most { get; private set; }

        public Task<T> RunAsync<T>(Func<T> work, CancellationToken ct)
        {
            var task = new Task<T>(work);
            _waiting.Enqueue(task);
            return task;
        }

        public async Task HasAsync(int count)
        {
            for (var end = DateTime.UtcNow + Patience; _waiting.Count < count; await Task.Delay(1))
            {
                Assert.True(DateTime.UtcNow < end, $"expected {count} steps to be asked for, found {_waiting.Count}");
            }
        }

        public async Task RunAllAsync(Func<bool> isDone)
        {
            for (var end = DateTime.UtcNow + Patience; !isDone(); await Task.Delay(1))
            {
                Assert.True(DateTime.UtcNow < end, "expected every row to be linked");
                var running = new List<Task>();
                while (_waiting.TryDequeue(out var task))
                {
                    task.Start(TaskScheduler.Default);
                    running.Add(task);
                }

                Most = Math.Max(Most, running.Count);
                await Task.WhenAll(running);
            }
        }
    }
}
