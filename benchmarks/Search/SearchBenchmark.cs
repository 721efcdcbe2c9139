using System.Diagnostics;
using System.Globalization;
using MiniMilvus.Benchmarks.IndexAlone;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Client;

namespace MiniMilvus.Benchmarks.Search;

/// <summary>
/// Searches through the gRPC port over the rows of <see cref="IndexData"/>: while all of them are growing, then sealed and indexed. The least ef that
/// reaches a recall is looked for first; lone searches and many at once are measured at it.
/// </summary>
internal static class SearchBenchmark
{
    private const int Batch = 1_000;
    private const int InFlight = 4;
    private const int Clients = 8;
    private const int EfMax = 1_024;
    private const int QueriesPerRequest = 50;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    // One segment, so that growing and sealed rows are searched as one.
    private static readonly string[] s_unflushed = ["--streamingNode.segmentRowsMax", "10000000", "--dataNode.sealIdle", "10:00:00"];

    public static async Task RunAsync(Report report, int rows)
    {
        var data = IndexData.Open(rows);
        var (queries, truth) = (data.ReadQueries(), data.ReadTruth());
        var folder = Bench.NewFolder("search");
        await using var server = await ServerProcess.StartAsync(folder, s_unflushed);
        using var client = new MilvusClient(new Uri($"http://{server.Grpc}"));
        var collection = await Bench.CollectionAsync(client, "search");
        var began = Stopwatch.GetTimestamp();
        await Bench.FillAsync(collection, data.ReadRows(), Batch, InFlight);
        var acked = Stopwatch.GetElapsedTime(began).TotalSeconds;
        await WaitAsync(server, "minimilvus_querynode_rows_waiting_for_graph", 1_024);
        var linked = Stopwatch.GetElapsedTime(began).TotalSeconds;
        report.Add(Measurement.Info($"rows/s until {rows:N0} x {IndexData.Dimension} are durable and in a graph", rows / linked, "rows/s", rows / acked, "until they are durable"));
        await MeasureAsync("growing", report, server, collection, queries, truth, rows);
        await collection.FlushAsync();
        await collection.WaitForIndexBuildAsync("vector");
        await WaitAsync(server, "minimilvus_querynode_growing_rows", 0);
        await Task.Delay(1_000); // The swap to the index follows its commit.
        await MeasureAsync("sealed", report, server, collection, queries, truth, rows);
    }

    private static async Task WaitAsync(ServerProcess server, string metric, double most)
    {
        var began = Stopwatch.GetTimestamp();
        while (await server.MetricAsync(metric) > most)
        {
            if (Stopwatch.GetElapsedTime(began) > Patience)
            {
                throw new TimeoutException($"{metric}: expected {most} within {Patience}");
            }

            await Task.Delay(100);
        }
    }

    private static async Task MeasureAsync(string state, Report report, ServerProcess server, MilvusCollection collection, float[] queries, int[] truth, int rows)
    {
        await RecallAsync(collection, queries, truth, 64);
        var sweep = new List<string>();
        foreach (var ef in (int[])[16, 32, 64, 128, 256])
        {
            var reached = await RecallAsync(collection, queries, truth, ef);
            sweep.Add(string.Create(CultureInfo.InvariantCulture, $"{ef}: {reached:0.0000}"));
        }

        report.Note($"{state}: recall@{IndexData.TopK} by ef: {string.Join(", ", sweep)}");
        foreach (var recall in (double[])[0.95, 0.99])
        {
            var ef = await LeastEfAsync(collection, queries, truth, recall);
            var found = await RecallAsync(collection, queries, truth, ef);
            var distances = await server.MetricAsync("minimilvus_querynode_distances_computed");
            var latencies = new List<double>();
            for (var q = 0; q < IndexData.Queries; q++)
            {
                var start = Stopwatch.GetTimestamp();
                await SearchAsync(collection, queries, q, 1, ef);
                latencies.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }

            var share = (await server.MetricAsync("minimilvus_querynode_distances_computed") - distances) / IndexData.Queries / rows;
            var name = string.Create(CultureInfo.InvariantCulture, $"{state}, {rows:N0} x {IndexData.Dimension}, recall {recall:0.00} (ef {ef})");
            report.Add(Measurement.Info($"{name}: lone search p50", Bench.Percentile(latencies, 0.5), "ms"));
            report.Add(Measurement.Info($"{name}: lone search p99", Bench.Percentile(latencies, 0.99), "ms"));
            report.Add(Measurement.Info($"{name}: searches/s, {Clients} clients", await RateAsync(collection, queries, ef), "searches/s"));
            report.Add(Measurement.AtLeast($"{name}: recall@{IndexData.TopK}", found, "", recall, null, ""));
            report.Add(Measurement.AtMost($"{name}: share of the distances computed", share, "", 0.30, 1.0, "exact scan"));
        }
    }

    private static async Task<double> RateAsync(MilvusCollection collection, float[] queries, int ef)
    {
        var next = -1;
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async _ =>
        {
            for (var q = Interlocked.Increment(ref next); q < 4 * IndexData.Queries; q = Interlocked.Increment(ref next))
            {
                await SearchAsync(collection, queries, q % IndexData.Queries, 1, ef);
            }
        }));
        return 4 * IndexData.Queries / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static async Task<int> LeastEfAsync(MilvusCollection collection, float[] queries, int[] truth, double recall)
    {
        int low = IndexData.TopK, high = EfMax;
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = await RecallAsync(collection, queries, truth, middle) >= recall ? (low, middle) : (middle + 1, high);
        }

        return low;
    }

    private static async Task<double> RecallAsync(MilvusCollection collection, float[] queries, int[] truth, int ef)
    {
        var hits = 0;
        for (var from = 0; from < IndexData.Queries; from += QueriesPerRequest)
        {
            var ids = await SearchAsync(collection, queries, from, QueriesPerRequest, ef);
            for (var i = 0; i < ids.Count; i++)
            {
                var wanted = truth.AsSpan((from * IndexData.TopK) + (i / IndexData.TopK * IndexData.TopK), IndexData.TopK);
                hits += wanted.Contains((int)ids[i]) ? 1 : 0;
            }
        }

        return hits / (double)(IndexData.Queries * IndexData.TopK);
    }

    private static async Task<IReadOnlyList<long>> SearchAsync(MilvusCollection collection, float[] queries, int first, int count, int ef)
    {
        var parameters = new SearchParameters { ConsistencyLevel = ConsistencyLevel.BoundedStaleness };
        parameters.ExtraParameters["ef"] = ef.ToString(CultureInfo.InvariantCulture);
        var vectors = Enumerable.Range(first, count).Select(q => new ReadOnlyMemory<float>(queries, q * IndexData.Dimension, IndexData.Dimension)).ToList();
        var found = await collection.SearchAsync("vector", vectors, SimilarityMetricType.L2, IndexData.TopK, parameters);
        return found.Ids.LongIds!.Count == count * IndexData.TopK
            ? found.Ids.LongIds!
            : throw new InvalidOperationException($"expected {count * IndexData.TopK} hits, found {found.Ids.LongIds!.Count}");
    }
}
