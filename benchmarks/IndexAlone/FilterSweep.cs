using System.Diagnostics;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Bitmaps;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Benchmarks.IndexAlone;

/// <summary>
/// Filtered searches by walk and by scan, over pass rates: where they cost the same is what decides between them (HnswGraph.WalkCostPerScanCost).
/// The cost of a walk's distance over a scan's is printed for each; the graph's constant is about their median where the two are near each other.
/// </summary>
internal static class FilterSweep
{
    private const int Rows = 100_000;
    private const int SweptQueries = 100;
    private static readonly double[] s_passRates = [0.01, 0.02, 0.04, 0.08, 0.12, 0.2, 0.35, 0.5];

    public static void Run(Report report)
    {
        var data = IndexData.Open(Rows);
        var source = new ContiguousVectors(new VectorSpace(MetricType.L2, IndexData.Dimension), data.ReadRows());
        var graph = HnswGraph.Build(source, new HnswOptions(), default);
        var queries = data.ReadQueries();
        var pool = new HnswScratchPool();
        foreach (var ef in (int[])[64, 200])
        {
            var costs = new List<double>();
            foreach (var passRate in s_passRates)
            {
                var random = new Random(7);
                var allowed = new BitSet(Rows);
                for (var row = 0; row < Rows; row++)
                {
                    allowed.Set(row, random.NextDouble() < passRate);
                }

                var scan = Measure(graph, queries, pool, new HnswSearch(IndexData.TopK, ef) { Allowed = allowed, Path = HnswPath.Scan }, out var truth);
                var walk = Measure(graph, queries, pool, new HnswSearch(IndexData.TopK, ef) { Allowed = allowed, Path = HnswPath.Walk }, out var found);
                var hits = found.Zip(truth, (f, t) => f.Intersect(t).Count()).Sum();
                costs.Add(walk.Seconds / walk.Distances / (scan.Seconds / scan.Distances));
                report.Note($"ef {ef}, {passRate:P0}: scan {scan.Seconds / SweptQueries * 1e3:0.000} ms, walk {walk.Seconds / SweptQueries * 1e3:0.000} ms at recall {hits / (double)(SweptQueries * IndexData.TopK):0.000}; a walk's distance costs {costs[^1]:0.00} of a scan's");
            }

            report.Add(Measurement.Info($"filters: a walk's distance over a scan's, median, ef {ef}", Bench.Median(costs), "x"));
        }
    }

    private static (double Seconds, double Distances) Measure(HnswGraph graph, float[] queries, HnswScratchPool pool, HnswSearch search, out List<long[]> found)
    {
        found = [];
        var results = new Neighbor[IndexData.TopK];
        var best = double.MaxValue;
        var stats = default(SearchStats);
        for (var round = 0; round < 3; round++)
        {
            found.Clear();
            stats = default;
            var began = Stopwatch.GetTimestamp();
            for (var q = 0; q < SweptQueries; q++)
            {
                var count = graph.Search(queries.AsSpan(q * IndexData.Dimension, IndexData.Dimension), search, pool, results, ref stats);
                found.Add([.. results[..count].Select(n => n.Key)]);
            }

            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return (best, stats.DistanceComputations);
    }
}
