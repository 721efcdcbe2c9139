using System.Buffers;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Scan;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Tests;

/// <summary>A graph that several threads build: the same bytes whatever their number, and as good as one built row by row.</summary>
public sealed class HnswParallelTests
{
    private const int Rows = 6000, Queries = 100, K = 10, Dimension = 24;
    private static readonly HnswOptions s_options = new() { EfConstruction = 80 };
    private readonly HnswScratchPool _scratch = new();

    [Theory]
    [InlineData(MetricType.L2, false, false), InlineData(MetricType.IP, true, true), InlineData(MetricType.Cosine, true, false)]
    public async Task The_number_of_workers_changes_no_byte(MetricType metric, bool clustered, bool batches)
    {
        float[] values = WithTwins(Values(1, clustered));
        VectorSource source = batches ? Data.Batches(metric, Dimension, values) : Data.Flat(metric, Dimension, values);
        var pool = new Threads();
        byte[] expected = Bytes(await HnswGraph.BuildAsync(source, s_options, pool, 1, default));
        foreach (int workers in (int[])[2, 3, 7])
        {
            byte[] found = Bytes(await HnswGraph.BuildAsync(source, s_options, pool, workers, default));
            Assert.True(expected.AsSpan().SequenceEqual(found), $"{workers} workers");
        }

        Assert.True(pool.MostAtOnce > 1, "no two workers were at work at once");
    }

    [Theory]
    [InlineData(MetricType.L2, false), InlineData(MetricType.L2, true), InlineData(MetricType.IP, false), InlineData(MetricType.Cosine, true)]
    public async Task It_answers_as_well_as_one_built_row_by_row(MetricType metric, bool clustered) =>
        await RequireAsGoodAsync(Data.Flat(metric, Dimension, Values(1, clustered)), Values(2, clustered)[..(Queries * Dimension)]);

    /// <summary>So that the neighbours of many rows are in their own batch alone.</summary>
    [Fact]
    public async Task It_answers_as_well_where_rows_come_cluster_by_cluster()
    {
        float[] values = Data.Uniform(1, Rows, Dimension);
        for (int row = 0; row < Rows; row++)
        {
            for (int i = 0; i < Dimension; i++) values[(row * Dimension) + i] = (0.1f * values[(row * Dimension) + i]) + values[(row / 40 * 40 * Dimension) + i];
        }

        await RequireAsGoodAsync(Data.Flat(MetricType.L2, Dimension, values), [.. Enumerable.Range(0, Queries).SelectMany(q => values.Skip(((q * 60) + 7) * Dimension).Take(Dimension))]);
    }

    private async Task RequireAsGoodAsync(VectorSource source, float[] queries)
    {
        double one = Recall(HnswGraph.Build(source, s_options, default), queries), many = Recall(await HnswGraph.BuildAsync(source, s_options, new Threads(), 3, default), queries);
        Assert.True(many >= Math.Max(0.93, one - 0.01), $"recall {many}, row by row {one}");
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task Every_row_is_found_by_its_own_vector_also_one_that_came_with_its_twins(bool copies)
    {
        VectorSource source = Data.Flat(MetricType.L2, Dimension, WithTwins(Values(1, clustered: true)));
        HnswGraph graph = await HnswGraph.BuildAsync(source, s_options with { CopyVectors = copies }, new Threads(), 3, default);
        Assert.Equal(Rows, graph.Count);
        var stats = default(SearchStats);
        var found = new Neighbor[30];
        for (int row = 0; row < Rows; row++)
        {
            int count = graph.Search(source.Row(row), new HnswSearch(found.Length, 64) { Path = HnswPath.Walk }, _scratch, found, ref stats);
            Assert.True(found.AsSpan(0, count).ToArray().Any(n => n.Key == row), $"row {row} is not found");
        }
    }

    [Fact]
    public async Task None_and_one_and_few_rows_make_a_graph_too()
    {
        for (int rows = 0; rows < 20; rows++)
        {
            VectorSource source = Data.Flat(MetricType.L2, Dimension, Data.Uniform(1, rows, Dimension));
            HnswGraph graph = await HnswGraph.BuildAsync(source, s_options, new Threads(), 2, default);
            var stats = default(SearchStats);
            var found = new Neighbor[rows + 1];
            Assert.Equal(rows, graph.Search(new float[Dimension], new HnswSearch(rows + 1, 64) { Path = HnswPath.Walk }, _scratch, found, ref stats));
        }
    }

    [Fact]
    public async Task A_build_that_is_cancelled_or_fails_has_no_worker_left_when_it_ends()
    {
        VectorSource source = Data.Flat(MetricType.L2, Dimension, Values(1, clustered: false));
        using var stop = new CancellationTokenSource();
        var pool = new Threads { Before = job => { if (job == 40) stop.Cancel(); } };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => HnswGraph.BuildAsync(source, s_options, pool, 3, stop.Token));
        Assert.Equal(0, pool.AtWork);
        pool = new Threads { Before = job => { if (job == 41) throw new InvalidDataException("injected"); } };
        await Assert.ThrowsAsync<InvalidDataException>(() => HnswGraph.BuildAsync(source, s_options, pool, 3, default));
        Assert.Equal(0, pool.AtWork);
    }

    private static float[] Values(int seed, bool clustered) => clustered ? Data.Clustered(seed, Rows, Dimension) : Data.Uniform(seed, Rows, Dimension);

    /// <summary>Some rows equal one just before them, some one far away, and one vector comes two dozen times.</summary>
    private static float[] WithTwins(float[] values)
    {
        for (int row = 100; row < Rows; row += 50) values.AsSpan((row - 1 - (row % 3)) * Dimension, Dimension).CopyTo(values.AsSpan(row * Dimension));
        for (int row = 2000; row < Rows; row += 171) values.AsSpan(77 * Dimension, Dimension).CopyTo(values.AsSpan(row * Dimension));
        return values;
    }

    private double Recall(HnswGraph graph, float[] queries)
    {
        var stats = default(SearchStats);
        var found = new Neighbor[K];
        int hits = 0;
        for (int q = 0; q < Queries; q++)
        {
            ReadOnlySpan<float> query = queries.AsSpan(q * Dimension, Dimension);
            int count = graph.Search(query, new HnswSearch(K, 64) { Path = HnswPath.Walk }, _scratch, found, ref stats);
            hits += ExactScan.Search(graph.Source, query, K).Select(n => n.Key).Intersect(found.Take(count).Select(n => n.Key)).Count();
        }

        return hits / (double)(Queries * K);
    }

    private static byte[] Bytes(HnswGraph graph)
    {
        var writer = new ArrayBufferWriter<byte>();
        graph.WriteTo(writer);
        return writer.WrittenSpan.ToArray();
    }

    /// <summary>A thread for each job; counts how many are at work.</summary>
    private sealed class Threads : IComputePool
    {
        private int _atWork, _most, _jobs;

        public Action<int> Before { get; init; } = _ => { };

        public int AtWork => Volatile.Read(ref _atWork);

        public int MostAtOnce => Volatile.Read(ref _most);

        public Task<T> RunAsync<T>(Func<T> work, CancellationToken ct)
        {
            ct.ThrowIfCancellationRequested();
            var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
            int job = Interlocked.Increment(ref _jobs), now = Interlocked.Increment(ref _atWork);
            for (int most = _most; now > most; most = _most) Interlocked.CompareExchange(ref _most, now, most);
            new Thread(() =>
            {
                try
                {
                    Before(job);
                    T result = work();
                    Interlocked.Decrement(ref _atWork);
                    done.SetResult(result);
                }
                catch (Exception e)
                {
                    Interlocked.Decrement(ref _atWork);
                    done.SetException(e);
                }
            }).Start();
            return done.Task;
        }
    }
}
