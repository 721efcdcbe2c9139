using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Bitmaps;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Scan;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Tests;

public sealed class HnswRecallTests
{
    private const int Rows = 6000, Queries = 60, K = 10;
    private readonly HnswScratchPool _pool = new();

    [Theory]
    [InlineData(MetricType.L2, false, false), InlineData(MetricType.IP, false, false), InlineData(MetricType.Cosine, false, false)]
    [InlineData(MetricType.L2, true, false), InlineData(MetricType.IP, true, true), InlineData(MetricType.Cosine, true, true)]
    public void Ten_of_the_nearest_are_found_at_ef_64(MetricType metric, bool clustered, bool batches)
    {
        const int dimension = 24;
        float[] values = clustered ? Data.Clustered(1, Rows, dimension) : Data.Uniform(1, Rows, dimension);
        float[] queries = clustered ? Data.Clustered(2, Queries, dimension) : Data.Uniform(2, Queries, dimension);
        VectorSource source = batches ? Data.Batches(metric, dimension, values) : Data.Flat(metric, dimension, values);
        HnswGraph graph = HnswGraph.Build(source, new HnswOptions { EfConstruction = 120 }, CancellationToken.None);

        var stats = new SearchStats();
        double recall = Recall(graph, queries, new HnswSearch(K, 64) { Path = HnswPath.Walk }, ref stats);
        Assert.True(recall >= 0.95, $"recall {recall}");
        Assert.Equal(0, stats.ExactScans);
        Assert.InRange(stats.DistanceComputations, Queries * 64, Queries * Rows / 2);
    }

    [Theory]
    [InlineData(0.01, HnswPath.Auto), InlineData(0.1, HnswPath.Auto), InlineData(0.5, HnswPath.Auto)]
    [InlineData(0.01, HnswPath.Walk), InlineData(0.1, HnswPath.Walk), InlineData(0.5, HnswPath.Walk)]
    public void Recall_holds_when_few_or_many_rows_pass_the_filter(double passRate, HnswPath path)
    {
        const int dimension = 24;
        HnswGraph graph = HnswGraph.Build(Data.Flat(MetricType.L2, dimension, Data.Clustered(1, Rows, dimension)), new HnswOptions { EfConstruction = 120 }, CancellationToken.None);
        var random = new Random(5);
        var allowed = new BitSet(Rows);
        for (int row = 0; row < Rows; row++) allowed[row] = random.NextDouble() < passRate;

        var stats = new SearchStats();
        double recall = Recall(graph, Data.Clustered(2, Queries, dimension), new HnswSearch(K, 64) { Path = path, Allowed = allowed }, ref stats);
        Assert.True(recall >= 0.95, $"recall {recall}");
        if (path == HnswPath.Walk) Assert.Equal(0, stats.ExactScans);
    }

    [Fact]
    public void Selective_filters_scan_and_broad_ones_walk()
    {
        HnswGraph graph = HnswGraph.Build(Data.Flat(MetricType.L2, 8, Data.Uniform(1, Rows, 8)), new HnswOptions { EfConstruction = 60 }, CancellationToken.None);
        var few = new BitSet(Rows);
        few.SetRange(0, Rows / 100);
        var many = new BitSet(Rows, value: true);
        many.SetRange(0, Rows / 10, false);
        var stats = new SearchStats();
        graph.Search(new float[8], K, 16, few, _pool, ref stats);
        Assert.Equal((1, Rows / 100L), (stats.ExactScans, stats.DistanceComputations));
        stats = default;
        graph.Search(new float[8], K, 16, many, _pool, ref stats);
        Assert.Equal(0, stats.ExactScans);
    }

    [Fact]
    public void A_filter_whose_rows_are_all_far_away_costs_at_most_about_two_scans_and_is_answered_exactly()
    {
        const int dimension = 16;
        float[] values = Data.Uniform(1, Rows, dimension);
        for (int row = Rows / 2; row < Rows; row++) values[row * dimension] += 50;
        ContiguousVectors source = Data.Flat(MetricType.L2, dimension, values);
        HnswGraph graph = HnswGraph.Build(source, new HnswOptions { EfConstruction = 60 }, CancellationToken.None);
        var far = new BitSet(Rows);
        far.SetRange(Rows / 2, Rows / 2);
        float[] query = Data.Uniform(9, 1, dimension);

        var stats = new SearchStats();
        Neighbor[] found = graph.Search(query, K, 16, far, _pool, ref stats);
        Assert.Equal(ExactScan.Search(source, query, K, far), found);
        Assert.InRange(stats.DistanceComputations, 0, Rows / 2 * 2 + 1000);
    }

    [Theory, InlineData(false), InlineData(true)]
    public void A_distance_is_bit_for_bit_the_one_that_a_scan_gives(bool copy)
    {
        const int dimension = 37;
        float[] values = Data.Clustered(1, 2000, dimension);
        foreach (MetricType metric in Enum.GetValues<MetricType>())
        {
            VectorSource source = Data.Batches(metric, dimension, values);
            HnswGraph graph = HnswGraph.Build(source, new HnswOptions { EfConstruction = 60, CopyVectors = copy }, CancellationToken.None);
            for (int q = 0; q < 20; q++)
            {
                float[] query = Data.Uniform(q, 1, dimension);
                var stats = new SearchStats();
                var results = new Neighbor[K];
                Assert.Equal(K, graph.Search(query, new HnswSearch(K, 200) { Path = HnswPath.Walk }, _pool, results, ref stats));
                Assert.Equal(results.Order(), results);
                Dictionary<long, float> scan = ExactScan.Search(source, query, 2000).ToDictionary(n => n.Key, n => n.Distance);
                Assert.All(results, n => Assert.Equal(scan[n.Key], n.Distance));
            }
        }
    }

    [Theory, InlineData(MetricType.L2), InlineData(MetricType.IP), InlineData(MetricType.Cosine)]
    public void Many_copies_of_one_vector_neither_hide_the_other_rows_nor_get_lost(MetricType metric)
    {
        const int dimension = 16, rows = 4000;
        float[] values = Data.Uniform(1, rows, dimension);
        for (int row = 0; row < rows; row += 2) values.AsSpan(dimension * 10, dimension).CopyTo(values.AsSpan(row * dimension));
        ContiguousVectors source = Data.Flat(metric, dimension, values);
        HnswGraph graph = HnswGraph.Build(source, new HnswOptions { EfConstruction = 100 }, CancellationToken.None);
        var stats = new SearchStats();
        foreach (double passRate in new[] { 1, 0.5 })
        {
            var random = new Random(8);
            var allowed = new BitSet(rows, value: true);
            for (int row = 0; row < rows; row++) allowed[row] = random.NextDouble() <= passRate;
            var search = new HnswSearch(K, 64) { Path = HnswPath.Walk, Allowed = allowed };
            double recall = Recall(graph, Data.Uniform(2, Queries, dimension), search, ref stats);
            Assert.True(recall >= 0.95, $"recall {recall}");

            // Right at the copies: exactly the lowest ones, in order.
            var results = new Neighbor[100];
            ReadOnlySpan<float> copy = values.AsSpan(0, dimension);
            if (metric == MetricType.IP) continue;
            Assert.Equal(100, graph.Search(copy, new HnswSearch(100, 100) { Path = HnswPath.Walk, Allowed = allowed }, _pool, results, ref stats));
            Assert.Equal(ExactScan.Search(source, copy, 100, allowed), results);
        }

        Assert.Equal(0, stats.ExactScans);
    }

    [Fact]
    public void The_answer_is_complete_even_when_the_walk_cannot_reach_k_rows()
    {
        // A graph of M = 2 falls apart over two far clusters; the answer must not.
        float[] values = Data.Uniform(1, 600, 4);
        for (int row = 300; row < 600; row++) values[row * 4] += 100;
        HnswGraph graph = HnswGraph.Build(Data.Flat(MetricType.L2, 4, values), new HnswOptions { M = 2, EfConstruction = 2 }, CancellationToken.None);
        var stats = new SearchStats();
        var results = new Neighbor[600];
        Assert.Equal(600, graph.Search(new float[4], new HnswSearch(600, 1) { Path = HnswPath.Walk }, _pool, results, ref stats));
        Assert.Equal(600, results.DistinctBy(n => n.Key).Count());
    }

    [Theory, InlineData(0), InlineData(1), InlineData(2), InlineData(11)]
    public void Tiny_graphs_answer_with_all_they_have(int rows)
    {
        HnswGraph graph = HnswGraph.Build(Data.Flat(MetricType.Cosine, 3, Data.Uniform(1, rows, 3)), new HnswOptions(), CancellationToken.None);
        var stats = new SearchStats();
        foreach (HnswPath path in Enum.GetValues<HnswPath>())
        {
            var results = new Neighbor[100];
            Assert.Equal(rows, graph.Search(new float[] { 1, 2, 3 }, new HnswSearch(100, 1) { Path = path }, _pool, results, ref stats));
        }
    }

    private double Recall(HnswGraph graph, float[] queries, HnswSearch search, ref SearchStats stats)
    {
        int dimension = graph.Source.Space.Dimension;
        var found = new List<Neighbor[]>();
        var truth = new List<Neighbor[]>();
        for (int q = 0; q < queries.Length / dimension; q++)
        {
            ReadOnlySpan<float> query = queries.AsSpan(q * dimension, dimension);
            var results = new Neighbor[search.K];
            int count = graph.Search(query, search, _pool, results, ref stats);
            found.Add(results[..count]);
            truth.Add(ExactScan.Search(graph.Source, query, search.K, search.Allowed));
            Assert.All(found[^1], n => Assert.True(search.Allowed?[(int)n.Key] ?? true));
        }

        return Data.Recall(found, truth);
    }
}
