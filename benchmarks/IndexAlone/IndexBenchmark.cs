using System.Diagnostics;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Core.Schema;
using MiniMilvus.Host.Wiring;
using MiniMilvus.Index;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Sealed;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Benchmarks.IndexAlone;

/// <summary>
/// The graph alone, in process, on one thread, beside hnswlib on the same bytes: both build slice by slice in turn, then each is searched at the
/// least ef that reaches the recall, in turn. L2, M = 16, efConstruction = 200, k = 10.
/// </summary>
internal static class IndexBenchmark
{
    private const int M = 16;
    private const int EfConstruction = 200;
    private const int Slices = 10;
    private const int Rounds = 7;

    public static async Task RunAsync(Report report, int rows)
    {
        var data = IndexData.Open(rows);
        using var peer = HnswlibPeer.Start(data, M, EfConstruction, out var problem);
        if (peer is null)
        {
            report.Note($"hnswlib is left out: {problem}");
        }

        var source = new ContiguousVectors(new VectorSpace(MetricType.L2, IndexData.Dimension), data.ReadRows());
        var (growing, graph, buildSeconds) = Build(report, source, peer, rows);
        report.Add(peer is null
            ? Measurement.Info("memory of graph and vectors", graph.MemoryBytes / 1e6, "MB")
            : Measurement.RatioAtMost("memory of graph and vectors", graph.MemoryBytes / 1e6, "MB", 1.2, peer.MemoryBytes() / 1e6, "hnswlib"));
        await ParallelAsync(report, source, rows, growing.Count / buildSeconds, data);
        var searcher = new Searcher(graph, data.ReadQueries(), data.ReadTruth());
        var quantized = new Searcher(SealedGraph.Open(growing.Seal(quantize: true), source), data.ReadQueries(), data.ReadTruth());
        foreach (var recall in (double[])[0.95, 0.99])
        {
            Compare(report, searcher, quantized, peer, recall);
        }
    }

    private static (HnswGraph Growing, SealedGraph Sealed, double Seconds) Build(Report report, ContiguousVectors source, HnswlibPeer? peer, int rows)
    {
        // Compiled before the clock runs, as the peer is.
        HnswGraph.Build(new ContiguousVectors(source.Space, source.Values[..(4_000 * IndexData.Dimension)]), new HnswOptions { M = M, EfConstruction = EfConstruction }, default);
        var graph = new HnswGraph(source, rows, new HnswOptions { M = M, EfConstruction = EfConstruction });
        double ours = 0, theirs = 0;
        for (var slice = 0; slice < Slices; slice++)
        {
            int from = (int)((long)rows * slice / Slices), to = (int)((long)rows * (slice + 1) / Slices);
            var began = Stopwatch.GetTimestamp();
            graph.AddUpTo(to, CancellationToken.None);
            ours += Stopwatch.GetElapsedTime(began).TotalSeconds;
            theirs += peer?.Add(from, to) ?? 0;
        }

        var end = Stopwatch.GetTimestamp();
        graph.Finish();
        var made = SealedGraph.Open(graph.Seal(), source);
        ours += Stopwatch.GetElapsedTime(end).TotalSeconds;
        report.Add(peer is null
            ? Measurement.Info($"build: rows/s, {rows:N0} x {IndexData.Dimension}", rows / ours, "rows/s")
            : Measurement.RatioAtLeast($"build: rows/s, {rows:N0} x {IndexData.Dimension}", rows / ours, "rows/s", 1.2, rows / theirs, "hnswlib"));
        return (graph, made, ours);
    }

    /// <summary>As the data node builds a sealed segment's index: on every processor.</summary>
    private static async Task ParallelAsync(Report report, ContiguousVectors source, int rows, double onePerSecond, IndexData data)
    {
        using var pool = new ThreadComputePool("bench", Environment.ProcessorCount);
        var options = new HnswOptions { M = M, EfConstruction = EfConstruction };
        await HnswGraph.BuildAsync(new ContiguousVectors(source.Space, source.Values[..(4_000 * IndexData.Dimension)]), options, pool, Environment.ProcessorCount, default);
        var began = Stopwatch.GetTimestamp();
        var graph = await HnswGraph.BuildAsync(source, options, pool, Environment.ProcessorCount, default);
        var made = SealedGraph.Open(graph.Seal(), source);
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        report.Add(Measurement.Info($"build of the same on {Environment.ProcessorCount} threads", rows / seconds, "rows/s", onePerSecond, "our own on one"));
        var searcher = new Searcher(made, data.ReadQueries(), data.ReadTruth());
        foreach (var recall in (double[])[0.95, 0.99])
        {
            var ef = LeastEf(searcher.Search, recall);
            report.Add(Measurement.Info($"search there: QPS at recall@10 {recall:0.00}, ef {ef}", IndexData.Queries / searcher.Search(ef).Seconds, "QPS"));
        }
    }

    private static void Compare(Report report, Searcher floats, Searcher quantized, HnswlibPeer? peer, double recall)
    {
        int ours = LeastEf(floats.Search, recall), coded = LeastEf(quantized.Search, recall), theirs = peer is null ? 0 : LeastEf(peer.Search, recall);
        List<double> mine = [], short8 = [], others = [];
        for (var round = 0; round < Rounds; round++)
        {
            mine.Add(IndexData.Queries / floats.Search(ours).Seconds);
            short8.Add(IndexData.Queries / quantized.Search(coded).Seconds);
            if (peer is not null)
            {
                others.Add(IndexData.Queries / peer.Search(theirs).Seconds);
            }
        }

        report.Note($"recall {recall}: ef {ours} ({floats.Search(ours).Recall:0.0000}, {floats.DistancesPerQuery:N0} distances a query), int8 ef {coded} ({quantized.Search(coded).Recall:0.0000}), hnswlib ef {theirs}");
        var name = $"search: QPS at recall@10 {recall:0.00}";
        report.Add(peer is null
            ? Measurement.Info(name, Bench.Median(mine), "QPS")
            : Measurement.RatioAtLeast(name, Bench.Median(mine), "QPS", 1.2, Bench.Median(others), "hnswlib"));
        report.Add(Measurement.RatioAtLeast(name + ", int8 re-ranked", Bench.Median(short8), "QPS", 2, Bench.Median(mine), "our own floats"));
    }

    private static int LeastEf(Func<int, (double Seconds, double Recall)> search, double recall)
    {
        int low = IndexData.TopK, high = 2_000;
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = search(middle).Recall >= recall ? (low, middle) : (middle + 1, high);
        }

        return low;
    }

    private sealed class Searcher(VectorIndex graph, float[] queries, int[] truth)
    {
        private readonly HnswScratchPool _pool = new();
        private readonly Neighbor[] _results = new Neighbor[IndexData.Queries * IndexData.TopK];

        public double DistancesPerQuery { get; private set; }

        public (double Seconds, double Recall) Search(int ef)
        {
            var stats = default(SearchStats);
            var began = Stopwatch.GetTimestamp();
            for (var q = 0; q < IndexData.Queries; q++)
            {
                var results = _results.AsSpan(q * IndexData.TopK, IndexData.TopK);
                graph.Search(queries.AsSpan(q * IndexData.Dimension, IndexData.Dimension), new HnswSearch(IndexData.TopK, ef) { Path = HnswPath.Walk, RefineK = 3 }, _pool, results, ref stats);
            }

            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            DistancesPerQuery = stats.DistanceComputations / (double)IndexData.Queries;
            var hits = 0;
            for (var q = 0; q < IndexData.Queries; q++)
            {
                var wanted = truth.AsSpan(q * IndexData.TopK, IndexData.TopK);
                foreach (var neighbor in _results.AsSpan(q * IndexData.TopK, IndexData.TopK))
                {
                    hits += wanted.Contains((int)neighbor.Key) ? 1 : 0;
                }
            }

            return (seconds, hits / (double)(IndexData.Queries * IndexData.TopK));
        }
    }
}
