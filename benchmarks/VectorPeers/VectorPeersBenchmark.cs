using System.Diagnostics;
using MiniMilvus.Benchmarks.IndexAlone;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Client;

namespace MiniMilvus.Benchmarks.VectorPeers;

/// <summary>
/// From rows in a file to rows that are durable and in an index, and then searches, beside embedded databases on the same bytes: rounds in turn,
/// medians. Ours is a server reached through gRPC, theirs are called in their own process; what the call costs there is measured and taken off.
/// </summary>
internal static class VectorPeersBenchmark
{
    private const int Batch = 1_000;
    private const int InFlight = 4;
    private const int Rounds = 3;
    private static readonly int[] s_efforts = [20, 40, 80, 160, 320];
    private static readonly TimeSpan s_indexMax = TimeSpan.FromMinutes(20);

    public static async Task RunAsync(Report report, int rows)
    {
        var data = IndexData.Open(rows);
        var (peers, problem) = await VectorPeer.InstallAsync(Path.Combine(Path.GetTempPath(), "minimilvus-bench-vector-peers"));
        if (problem is not null)
        {
            report.Note($"LanceDB, zvec and sqlite-vec are left out: {problem}");
        }

        var ours = new List<VectorRound>();
        var theirs = peers.ToDictionary(p => p.Name, _ => new List<VectorRound>());
        for (var round = 0; round < Rounds; round++)
        {
            ours.Add(await OursAsync(data));
            foreach (var peer in peers)
            {
                theirs[peer.Name].Add(await peer.RunAsync(data, Batch));
                report.Check($"{peer.Name} holds every row", theirs[peer.Name][^1].Rows == rows, $"{theirs[peer.Name][^1].Rows} of {rows} rows");
            }
        }

        report.Check("every acked row is counted", ours.All(r => r.Rows == rows), $"{ours.Min(r => r.Rows)} of {rows} rows");
        report.Add(Measurement.Info("durable and indexed, 128 floats", Bench.Median(ours.Select(r => r.RowsPerSecond)), "rows/s"));
        report.Add(Measurement.Info("  of which until acked", Bench.Median(ours.Select(r => r.Insert)), "s"));
        report.Add(Measurement.Info("  and until indexed and searched there", Bench.Median(ours.Select(r => r.Index)), "s"));
        foreach (var (name, rounds) in theirs)
        {
            var last = rounds[^1];
            report.Add(Measurement.RatioAtLeast($"durable and indexed, beside {name}", Bench.Median(ours.Select(r => r.RowsPerSecond)), "rows/s", 1, Bench.Median(rounds.Select(r => r.RowsPerSecond)),
                $"{name} {last.Version}: insert {Bench.Median(rounds.Select(r => r.Insert)):0.0} s, of it {Bench.Median(rounds.Select(r => r.Noop)):0.0} s the call; index {Bench.Median(rounds.Select(r => r.Index)):0.0} s"));
        }

        foreach (var recall in (double[])[0.95, 0.99])
        {
            Compare(report, recall, ours, theirs);
        }
    }

    private static void Compare(Report report, double recall, List<VectorRound> ours, Dictionary<string, List<VectorRound>> theirs)
    {
        if (Searches(ours, recall) is not { } mine)
        {
            report.Note($"no effort reaches recall {recall} here");
            return;
        }

        report.Add(Measurement.Info($"lone searches at recall@10 {recall:0.00}, through gRPC", mine, "searches/s"));
        foreach (var (name, rounds) in theirs)
        {
            if (Searches(rounds, recall) is { } other)
            {
                report.Add(Measurement.Info($"lone searches at recall@10 {recall:0.00}, beside {name}", mine, "searches/s", other, $"{name}, in its process"));
            }
            else
            {
                report.Note($"{name}: no effort reaches recall {recall}");
            }
        }
    }

    private static double? Searches(List<VectorRound> rounds, double recall) =>
        rounds.Select(r => r.SearchesAt(recall)).ToList() is var all && all.TrueForAll(s => s is not null) ? Bench.Median(all.Select(s => s!.Value)) : null;

    private static async Task<VectorRound> OursAsync(IndexData data)
    {
        await using var server = await ServerProcess.StartAsync(Bench.NewFolder("vectors"));
        using var client = new MilvusClient(new Uri($"http://{server.Grpc}"));
        var collection = await client.CreateCollectionAsync("vectors", [FieldSchema.Create<long>("id", isPrimaryKey: true), FieldSchema.CreateFloatVector("vector", dimension: IndexData.Dimension)]);
        await collection.CreateIndexAsync("vector", IndexType.Hnsw, SimilarityMetricType.L2, extraParams: new Dictionary<string, string> { ["M"] = "16", ["efConstruction"] = "200" });
        await collection.LoadAsync();
        await collection.WaitForCollectionLoadAsync();
        var (rows, queries, truth) = (data.ReadRows(), data.ReadQueries(), data.ReadTruth());

        var began = Stopwatch.GetTimestamp();
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, InFlight).Select(async _ =>
        {
            for (var i = Interlocked.Increment(ref next); i * Batch < data.Rows; i = Interlocked.Increment(ref next))
            {
                var count = Math.Min(Batch, data.Rows - (i * Batch));
                await collection.InsertAsync(Bench.Rows(i * Batch, count, rows[(i * Batch * IndexData.Dimension)..(((i * Batch) + count) * IndexData.Dimension)]));
            }
        }));
        var insert = Stopwatch.GetElapsedTime(began).TotalSeconds;
        began = Stopwatch.GetTimestamp();
        await collection.FlushAsync();
        await collection.WaitForIndexBuildAsync("vector", waitingInterval: TimeSpan.FromMilliseconds(50), timeout: s_indexMax);
        await UntilSearchedThereAsync(server, collection, queries, data.Rows, began);
        var index = Stopwatch.GetElapsedTime(began).TotalSeconds;

        var points = new List<SearchPoint>();
        foreach (var ef in s_efforts)
        {
            await SearchAsync(collection, queries, truth, ef, 100);
            points.Add(await SearchAsync(collection, queries, truth, ef, IndexData.Queries));
        }

        return new VectorRound("minimilvus", "", await collection.CountAsync(consistencyLevel: ConsistencyLevel.Strong), 0, insert, index, points);
    }

    /// <summary>Built is not yet used: until a search computes far fewer distances than there are rows, and none of them is growing.</summary>
    private static async Task UntilSearchedThereAsync(ServerProcess server, MilvusCollection collection, float[] queries, int rows, long began)
    {
        while (true)
        {
            var before = await server.MetricAsync("minimilvus_querynode_distances_computed");
            await SearchAsync(collection, queries, new int[IndexData.TopK], ef: 20, count: 1);
            var computed = await server.MetricAsync("minimilvus_querynode_distances_computed") - before;
            if (computed < rows / 5.0 && await server.MetricAsync("minimilvus_querynode_growing_rows") == 0)
            {
                return;
            }

            if (Stopwatch.GetElapsedTime(began) > s_indexMax)
            {
                throw new TimeoutException($"the index was not used within {s_indexMax}: a search computed {computed:N0} distances over {rows:N0} rows");
            }

            await Task.Delay(50);
        }
    }

    private static async Task<SearchPoint> SearchAsync(MilvusCollection collection, float[] queries, int[] truth, int ef, int count)
    {
        var parameters = new SearchParameters { ConsistencyLevel = ConsistencyLevel.Eventually };
        parameters.ExtraParameters["ef"] = $"{ef}";
        var hits = 0;
        var began = Stopwatch.GetTimestamp();
        for (var q = 0; q < count; q++)
        {
            var found = await collection.SearchAsync("vector", [new ReadOnlyMemory<float>(queries, q * IndexData.Dimension, IndexData.Dimension)], SimilarityMetricType.L2, IndexData.TopK, parameters);
            hits += found.Ids.LongIds!.Count(id => truth.AsSpan(q * IndexData.TopK % truth.Length, IndexData.TopK).Contains((int)id));
        }

        return new SearchPoint(ef, hits / (double)(count * IndexData.TopK), count / Stopwatch.GetElapsedTime(began).TotalSeconds);
    }
}
