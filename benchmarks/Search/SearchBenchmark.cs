using System.Diagnostics;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Client;
using MiniMilvus.Index.Distances;

namespace MiniMilvus.Benchmarks.Search;

/// <summary>Searches over 20,000 rows through the gRPC port: while all of them are growing, then sealed and indexed. Recall against an exact scan here.</summary>
internal static class SearchBenchmark
{
    private const int Rows = 20_000;
    private const int Batch = 1_000;
    private const int Queries = 500;
    private const int TopK = 10;

    public static async Task RunAsync(Report report)
    {
        var folder = Bench.NewFolder("search");
        await using var server = await ServerProcess.StartAsync(folder);
        using var client = new MilvusClient(new Uri($"http://{server.Grpc}"));
        var collection = await Bench.CollectionAsync(client, "search");
        var source = new Vectors(Bench.Dim, 2);
        var data = new float[Rows * Bench.Dim];
        for (var i = 0; i < Rows / Batch; i++)
        {
            var vectors = source.Make(Batch, i);
            vectors.CopyTo(data, i * Batch * Bench.Dim);
            await collection.InsertAsync(Bench.Rows(i * Batch, Batch, vectors));
        }

        var queries = source.Make(Queries, 1_000_000);
        var began = Stopwatch.GetTimestamp();
        while (await server.MetricAsync("minimilvus_querynode_rows_waiting_for_graph") > 2 * Batch && Stopwatch.GetElapsedTime(began).TotalSeconds < 60)
        {
            await Task.Delay(100);
        }

        report.Add(Measurement.Info("graphs of the growing rows caught up after", Stopwatch.GetElapsedTime(began).TotalMilliseconds, "ms"));
        var (truth, exactPerSecond) = Exact(data, queries);
        await MeasureAsync("growing", report, server, collection, queries, truth, exactPerSecond);
        await collection.FlushAsync();
        await collection.WaitForIndexBuildAsync("vector");
        while (await server.MetricAsync("minimilvus_querynode_growing_rows") > 0 && Stopwatch.GetElapsedTime(began).TotalSeconds < 120)
        {
            await Task.Delay(100);
        }

        await Task.Delay(1_000); // The swap to the index follows its commit.
        await MeasureAsync("sealed", report, server, collection, queries, truth, exactPerSecond);
    }

    private static async Task MeasureAsync(string state, Report report, ServerProcess server, MilvusCollection collection, float[] queries, long[][] truth, double exactPerSecond)
    {
        var parameters = new SearchParameters { ConsistencyLevel = ConsistencyLevel.BoundedStaleness };
        async Task<long[]> OneAsync(int q)
        {
            var query = new ReadOnlyMemory<float>(queries, q * Bench.Dim, Bench.Dim);
            var found = await collection.SearchAsync("vector", [query], SimilarityMetricType.L2, TopK, parameters);
            return [.. found.Ids.LongIds!];
        }

        for (var q = 0; q < Queries; q++)
        {
            await OneAsync(q);
        }

        var distances = await server.MetricAsync("minimilvus_querynode_distances_computed");
        var latencies = new List<double>();
        var hits = 0;
        for (var q = 0; q < Queries; q++)
        {
            var start = Stopwatch.GetTimestamp();
            var ids = await OneAsync(q);
            latencies.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            hits += ids.Intersect(truth[q]).Count();
        }

        var share = (await server.MetricAsync("minimilvus_querynode_distances_computed") - distances) / Queries / Rows;
        var next = -1;
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            for (var q = Interlocked.Increment(ref next); q < 4 * Queries; q = Interlocked.Increment(ref next))
            {
                await OneAsync(q % Queries);
            }
        }));
        var rate = 4 * Queries / Stopwatch.GetElapsedTime(began).TotalSeconds;
        report.Add(Measurement.Info($"{state}: searches/s, 8 clients, top 10 of {Rows:N0} x {Bench.Dim}", rate, "searches/s", exactPerSecond, "exact scan of the same rows on one thread, no server"));
        report.Add(Measurement.Info($"{state}: lone search p50", Bench.Percentile(latencies, 0.5), "ms"));
        report.Add(Measurement.Info($"{state}: lone search p99", Bench.Percentile(latencies, 0.99), "ms"));
        report.Add(Measurement.AtLeast($"{state}: recall@10", hits / (double)(Queries * TopK), "", 0.95, null, ""));
        report.Add(Measurement.AtMost($"{state}: share of the distances computed", share, "", 0.30, 1.0, "exact scan"));
    }

    private static (long[][] Truth, double PerSecond) Exact(float[] data, float[] queries)
    {
        var truth = new long[Queries][];
        var distances = new float[Rows];
        var ids = new long[Rows];
        var elapsed = 0.0;
        for (var q = 0; q < Queries; q++)
        {
            var query = queries.AsSpan(q * Bench.Dim, Bench.Dim);
            var start = Stopwatch.GetTimestamp();
            for (var row = 0; row < Rows; row++)
            {
                distances[row] = L2Squared.Compute(query, data.AsSpan(row * Bench.Dim, Bench.Dim));
            }

            elapsed += Stopwatch.GetElapsedTime(start).TotalSeconds;
            for (var row = 0; row < Rows; row++)
            {
                ids[row] = row;
            }

            Array.Sort((float[])distances.Clone(), ids);
            truth[q] = ids[..TopK];
        }

        return (truth, Queries / elapsed);
    }
}
