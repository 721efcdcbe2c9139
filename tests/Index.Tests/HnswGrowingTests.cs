using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Bitmaps;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Tests;

public sealed class HnswGrowingTests
{
    private const int Dimension = 16;

    [Theory, InlineData(MetricType.L2, false), InlineData(MetricType.Cosine, false), InlineData(MetricType.IP, true)]
    public void Readers_beside_the_writer_find_only_rows_of_their_snapshot_with_true_distances(MetricType metric, bool copy)
    {
        const int rows = 4000;
        float[] values = Data.Uniform(1, rows, Dimension);
        var chunk = new VectorChunk(new(metric, Dimension), rows);
        var graph = new HnswGraph(chunk, rows, new HnswOptions { M = 8, EfConstruction = 40, CopyVectors = copy });
        var pool = new HnswScratchPool(1);
        Exception? failure = null;
        long searches = 0, whileGrowing = 0;
        using var started = new CountdownEvent(3);
        Thread[] readers = [.. Enumerable.Range(0, 3).Select(id => new Thread(() =>
        {
            try
            {
                started.Signal();
                for (int round = 0; failure is null; round++)
                {
                    int count = graph.Count;
                    Check(graph, pool, Data.Uniform(id * 100_000 + round, 1, Dimension), count);
                    Interlocked.Increment(ref searches);
                    if (count == rows) return;
                    if (count > 0) Interlocked.Increment(ref whileGrowing);
                }
            }
            catch (Exception e)
            {
                failure = e;
            }
        }))];
        foreach (Thread reader in readers) reader.Start();
        started.Wait();
        var random = new Random(4);
        while (chunk.Count < rows)
        {
            chunk.Append(values.AsSpan(chunk.Count * Dimension, Math.Min(random.Next(1, 9), rows - chunk.Count) * Dimension).ToArray());
            graph.AddUpTo(chunk.Count, CancellationToken.None);
        }

        foreach (Thread reader in readers) reader.Join();
        Assert.Null(failure);
        Assert.True(whileGrowing > 0, $"{searches} searches, none while the graph grew");
        Assert.Empty(NotReached(graph));
        if (metric != MetricType.IP) Assert.Empty(NotFoundByOwnVector(graph, pool));
    }

    // A search would hide it: it scans when its walk comes to too few rows.
    private static int[] NotReached(HnswGraph graph)
    {
        byte[] levels = graph.Links.Levels[..graph.Count];
        int entry = Array.IndexOf(levels, levels.Max());
        var reached = new HashSet<int> { entry };
        var next = new Queue<int>(reached);
        while (next.TryDequeue(out int row))
        {
            for (int twin = graph.Links.TwinOf(row); twin >= 0; twin = graph.Links.TwinOf(twin)) reached.Add(twin);
            foreach (int neighbour in graph.Links.List(row, 0))
            {
                if (neighbour >= 0 && reached.Add(neighbour)) next.Enqueue(neighbour);
            }
        }

        return [.. Enumerable.Range(0, graph.Count).Except(reached)];
    }

    private static List<int> NotFoundByOwnVector(HnswGraph graph, HnswScratchPool pool)
    {
        var lost = new List<int>();
        var nearest = new Neighbor[1];
        var stats = new SearchStats();
        for (int row = 0; row < graph.Count; row++)
        {
            int found = graph.Search(graph.Source.Row(row), new HnswSearch(1, 400) { Path = HnswPath.Walk }, pool, nearest, ref stats);
            if (found != 1 || nearest[0].Key != row) lost.Add(row);
        }

        return lost;
    }

    /// <summary>Where neighbours are chosen for diversity alone, a seventh of such rows loses its last link.</summary>
    [Theory, InlineData(16, false), InlineData(16, true), InlineData(2, false)]
    public void Every_row_of_tight_clusters_is_reached_also_when_the_writer_was_given_back(int m, bool byCluster)
    {
        const int rows = 4096, clusters = 40;
        float[] values = Data.Uniform(1, rows, Dimension);
        for (int row = clusters; row < rows; row++)
        {
            int centre = byCluster ? row * clusters / rows : row % clusters;
            for (int i = 0; i < Dimension; i++) values[row * Dimension + i] = values[centre * Dimension + i] + 0.02f * values[row * Dimension + i];
        }

        var graph = new HnswGraph(Data.Flat(MetricType.L2, Dimension, values), rows, new HnswOptions { M = m, EfConstruction = 60 });
        graph.AddUpTo(rows / 2, CancellationToken.None);
        graph.Finish();
        Assert.Empty(NotReached(graph));
        graph.AddUpTo(rows, CancellationToken.None);
        Assert.Empty(NotReached(graph));
    }

    [Theory]
    [InlineData(0.01, false), InlineData(0.1, false), InlineData(0.5, false), InlineData(0.01, true), InlineData(0.1, true), InlineData(0.5, true)]
    public void A_graph_that_grows_keeps_its_recall_under_filters_that_follow_the_vectors_and_under_those_that_do_not(double passRate, bool correlated)
    {
        const int rows = 8192, dimension = 32, queries = 50;
        float[] values = Data.Clustered(1, rows, dimension), asked = Data.Clustered(2, queries, dimension);
        VectorChunk chunk = Data.Batches(MetricType.L2, dimension, values);
        var graph = new HnswGraph(chunk, rows, new HnswOptions { EfConstruction = 100 });
        var random = new Random(5);
        float[] sorted = [.. Enumerable.Range(0, rows).Select(row => values[row * dimension]).Order()];
        var allowed = new BitSet(rows);
        for (int row = 0; row < rows; row++)
            allowed[row] = correlated ? values[row * dimension] < sorted[(int)(passRate * rows)] : random.NextDouble() < passRate;
        foreach (int count in new[] { rows / 2, rows })
        {
            graph.AddUpTo(count, CancellationToken.None);
            foreach (HnswPath path in new[] { HnswPath.Auto, HnswPath.Walk })
            {
                var (found, truth) = (new List<Neighbor[]>(), new List<Neighbor[]>());
                for (int q = 0; q < queries; q++)
                {
                    var results = new Neighbor[10];
                    var stats = new SearchStats();
                    float[] query = asked[(q * dimension)..((q + 1) * dimension)];
                    int n = graph.Search(query, new HnswSearch(10, 64) { RowLimit = count, Allowed = allowed, Path = path }, new HnswScratchPool(1), results, ref stats);
                    found.Add(results[..n]);
                    truth.Add(Data.Naive(chunk, query, 10, row => row < count && allowed[row]));
                }

                Assert.True(Data.Recall(found, truth) >= 0.95, $"{path} over {count} rows: recall {Data.Recall(found, truth)}");
            }
        }
    }

    [Fact]
    public void A_row_limit_hides_later_rows_and_loses_none_of_the_earlier()
    {
        float[] values = Data.Uniform(1, 3000, Dimension);
        HnswGraph graph = HnswGraph.Build(Data.Flat(MetricType.L2, Dimension, values), new HnswOptions { EfConstruction = 80 }, CancellationToken.None);
        var pool = new HnswScratchPool();
        var found = new List<Neighbor[]>();
        var truth = new List<Neighbor[]>();
        foreach (int limit in new[] { 0, 1, 5, 100, 1500, 2999, 3000, 5000 })
        {
            for (int q = 0; q < 10; q++)
            {
                float[] query = Data.Uniform(q, 1, Dimension);
                var results = new Neighbor[10];
                var stats = new SearchStats();
                int count = graph.Search(query, new HnswSearch(10, 64) { RowLimit = limit, Path = HnswPath.Walk }, pool, results, ref stats);
                Assert.Equal(Math.Min(10, limit), count);
                found.Add(results[..count]);
                truth.Add(Data.Naive(graph.Source, query, 10, row => row < limit));
                Assert.All(found[^1], n => Assert.True(n.Key < limit));
            }
        }

        Assert.True(Data.Recall(found, truth) >= 0.95);
    }

    [Fact]
    public void A_cancelled_build_stops_between_rows_and_can_go_on()
    {
        ContiguousVectors source = Data.Flat(MetricType.L2, Dimension, Data.Uniform(1, 500, Dimension));
        using var cancelled = new CancellationTokenSource();
        var graph = new HnswGraph(source, 500, new HnswOptions());
        graph.AddUpTo(200, cancelled.Token);
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() => graph.AddUpTo(500, cancelled.Token));
        Assert.Throws<OperationCanceledException>(() => HnswGraph.Build(source, new HnswOptions(), cancelled.Token));
        Assert.Equal(200, graph.Count);
        graph.Finish();
        graph.AddUpTo(500, CancellationToken.None);
        Check(graph, new HnswScratchPool(), Data.Uniform(2, 1, Dimension), 500);
    }

    [Fact]
    public void Options_and_capacities_out_of_bounds_are_refused()
    {
        ContiguousVectors source = Data.Flat(MetricType.L2, Dimension, Data.Uniform(1, 10, Dimension));
        Assert.Throws<ArgumentOutOfRangeException>(() => new HnswGraph(source, 10, new HnswOptions { M = 1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new HnswGraph(source, 10, new HnswOptions { EfConstruction = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new HnswGraph(source, 11, new HnswOptions()));
        Assert.Throws<ArgumentOutOfRangeException>(() => new HnswGraph(source, 10, new HnswOptions()).AddUpTo(11, CancellationToken.None));
        Assert.Throws<ArgumentOutOfRangeException>(() => new HnswSearch(0, 10));
    }

    [Fact]
    public void Rows_that_are_not_numbers_break_nothing()
    {
        float[] values = Data.Uniform(1, 300, Dimension);
        for (int row = 0; row < 300; row += 7) values[row * Dimension + 3] = row % 2 == 0 ? float.NaN : float.PositiveInfinity;
        foreach (MetricType metric in Enum.GetValues<MetricType>())
        {
            HnswGraph graph = HnswGraph.Build(Data.Flat(metric, Dimension, values), new HnswOptions(), CancellationToken.None);
            var results = new Neighbor[10];
            var stats = new SearchStats();
            Assert.Equal(10, graph.Search(Data.Uniform(3, 1, Dimension), new HnswSearch(10, 50) { Path = HnswPath.Walk }, new HnswScratchPool(), results, ref stats));
            Assert.Equal(10, results.DistinctBy(n => n.Key).Count());
        }
    }

    private static void Check(HnswGraph graph, HnswScratchPool pool, float[] query, int count)
    {
        const int k = 10;
        var results = new Neighbor[k];
        var stats = new SearchStats();
        int found = graph.Search(query, new HnswSearch(k, 32) { RowLimit = count, Path = HnswPath.Walk }, pool, results, ref stats);
        if (found != Math.Min(k, count)) throw new InvalidOperationException($"expected {Math.Min(k, count)} results, found {found}");
        long before = -1;
        for (int i = 0; i < found; i++)
        {
            Neighbor n = results[i];
            if (n.Key < 0 || n.Key >= count) throw new InvalidOperationException($"expected a row below {count}, found {n.Key}");
            float truth = graph.Source.Space.Distance(query, graph.Source.Row((int)n.Key));
            if (Math.Abs(truth - n.Distance) > 1e-4) throw new InvalidOperationException($"row {n.Key}: expected distance {truth}, found {n.Distance}");
            if (i > 0 && (results[i - 1] > n || n.Key == before)) throw new InvalidOperationException("expected distinct results in order");
            before = n.Key;
        }
    }
}
