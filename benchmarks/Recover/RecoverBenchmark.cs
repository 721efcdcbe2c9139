using System.Diagnostics;
using MiniMilvus.Benchmarks.IndexAlone;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Client;

namespace MiniMilvus.Benchmarks.Recover;

/// <summary>
/// kill -9 with so many rows that only the log holds, and the time from the start of the next process: to the first correct Strong answer, to the first
/// one within twice the p99 from before the kill, and to the end of the first stretch of searches that has the recall from before within twice its p99.
/// Beside it a plain read of the log's files in the same run.
/// </summary>
internal static class RecoverBenchmark
{
    private const int Batch = 1_000;
    private const int InFlight = 4;
    private const int RoundQueries = 200;
    private const int TargetRows = 100_000;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    // Nothing is sealed or let go while it runs: all rows are in the log alone.
    private static readonly string[] s_unflushed =
    [
        "--streamingNode.segmentRowsMax", "10000000", "--streamingNode.segmentBytesMax", "4294967296", "--dataNode.bufferBytesMax", "4294967296",
        "--dataNode.sealPressureBytes", "4294967296", "--dataNode.sealIdle", "10:00:00", "--dataNode.sealAgeMax", "10:00:00",
    ];

    public static async Task RunAsync(Report report, IReadOnlyList<int> sizes)
    {
        foreach (var rows in sizes)
        {
            await MeasureAsync(report, rows);
        }
    }

    private static async Task MeasureAsync(Report report, int rows)
    {
        var data = IndexData.Open(rows);
        var (queries, truth) = (data.ReadQueries(), data.ReadTruth());
        var folder = Bench.NewFolder($"recover-{rows}");
        Round rest;
        await using (var first = await ServerProcess.StartAsync(folder, s_unflushed))
        {
            using var client = new MilvusClient(new Uri($"http://{first.Grpc}"));
            var collection = await Bench.CollectionAsync(client, "recover");
            await Bench.FillAsync(collection, data.ReadRows(), Batch, InFlight);
            await GraphsAsync(first);
            await SearchAsync(collection, queries, truth); // Compiled and warm.
            rest = await SearchAsync(collection, queries, truth);
            await first.KillAsync();
        }

        var (bytes, rawSeconds) = ReadLog(folder);
        var began = Stopwatch.GetTimestamp();
        await using var second = await ServerProcess.StartAsync(folder, s_unflushed);
        var ready = Stopwatch.GetElapsedTime(began).TotalSeconds;
        using var again = new MilvusClient(new Uri($"http://{second.Grpc}"));
        var recovered = again.GetCollection("recover");
        var answered = await UntilAsync(began, async () => await recovered.CountAsync(consistencyLevel: ConsistencyLevel.Strong) == rows && await FindsAsync(recovered, queries, truth));
        var (fast, settled, last) = await SettleAsync(recovered, queries, truth, rest, began);
        var name = $"{rows:N0} unflushed rows";
        report.Note($"{name}: at rest recall {rest.Recall:0.000}, p99 {rest.P99:0.00} ms; last {RoundQueries} recall {last.Recall:0.000}, p99 {last.P99:0.00} ms; log {bytes / 1e6:N0} MB");
        report.Add(Measurement.Info($"{name}: process start to its ready line", ready, "s"));
        report.Add(rows == TargetRows
            ? Measurement.AtMost($"{name}: process start to the first correct Strong answer", answered, "s", 2, null, "")
            : Measurement.Info($"{name}: process start to the first correct Strong answer", answered, "s"));
        report.Add(rows == TargetRows
            ? Measurement.AtMost($"{name}: process start to the first exact Strong answer within 2 x the p99 from before", fast, "s", 2, null, "")
            : Measurement.Info($"{name}: process start to the first exact Strong answer within 2 x the p99 from before", fast, "s"));
        report.Add(rows == TargetRows
            ? Measurement.AtMost($"{name}: to the recall from before within 2 x its p99", settled, "s", 2, null, "")
            : Measurement.Info($"{name}: to the recall from before within 2 x its p99", settled, "s"));
        report.Add(Measurement.Info($"{name}: replay, start of the process included", rows / answered, "rows/s"));
        report.Add(Measurement.Info($"{name}: replay, start of the process included", bytes / 1e6 / answered, "MB/s", bytes / 1e6 / rawSeconds, "plain read of the same files"));
    }

    /// <summary>Until what waits for a graph is less than a step of each chunk.</summary>
    private static async Task GraphsAsync(ServerProcess server)
    {
        var began = Stopwatch.GetTimestamp();
        while (await server.MetricAsync("minimilvus_querynode_rows_waiting_for_graph") > 1_024)
        {
            if (Stopwatch.GetElapsedTime(began) > Patience)
            {
                throw new TimeoutException($"expected the graphs to be built within {Patience}");
            }

            await Task.Delay(200);
        }
    }

    private static async Task<double> UntilAsync(long began, Func<Task<bool>> holds)
    {
        while (true)
        {
            try
            {
                if (await holds())
                {
                    return Stopwatch.GetElapsedTime(began).TotalSeconds;
                }
            }
            catch (MilvusException e) when (e.IsRetriable)
            {
                await Task.Delay(5);
            }

            if (Stopwatch.GetElapsedTime(began) > Patience)
            {
                throw new TimeoutException($"expected the collection to be back within {Patience}");
            }
        }
    }

    /// <summary>Searches until the last so many of them are as precise as before and at most twice as slow; and when the first one was that.</summary>
    private static async Task<(double First, double Settled, Round Last)> SettleAsync(MilvusCollection collection, float[] queries, int[] truth, Round rest, long began)
    {
        var (first, window) = ((double?)null, new Queue<(double Latency, int Hits)>());
        for (var q = 0; Stopwatch.GetElapsedTime(began) < Patience; q = (q + 1) % RoundQueries)
        {
            var start = Stopwatch.GetTimestamp();
            var hits = Hits(await OneAsync(collection, queries, q), truth, q);
            var latency = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            var now = Stopwatch.GetElapsedTime(began).TotalSeconds;
            first ??= hits == IndexData.TopK && latency <= 2 * rest.P99 ? now : null;
            window.Enqueue((latency, hits));
            if (window.Count > RoundQueries)
            {
                window.Dequeue();
            }

            var last = new Round(window.Sum(w => w.Hits) / (double)(RoundQueries * IndexData.TopK), Bench.Percentile([.. window.Select(w => w.Latency)], 0.99));
            if (window.Count == RoundQueries && last.Recall >= rest.Recall - 0.001 && last.P99 <= 2 * rest.P99)
            {
                return (first ?? now, now, last);
            }
        }

        throw new TimeoutException($"expected searches as before the kill within {Patience}");
    }

    private static int Hits(long[] ids, int[] truth, int q) => ids.Count(id => truth.AsSpan(q * IndexData.TopK, IndexData.TopK).Contains((int)id));

    private static async Task<bool> FindsAsync(MilvusCollection collection, float[] queries, int[] truth) =>
        (await OneAsync(collection, queries, 0)).Contains(truth[0]);

    private static async Task<Round> SearchAsync(MilvusCollection collection, float[] queries, int[] truth)
    {
        var latencies = new List<double>();
        var hits = 0;
        for (var q = 0; q < RoundQueries; q++)
        {
            var start = Stopwatch.GetTimestamp();
            var ids = await OneAsync(collection, queries, q);
            latencies.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            hits += Hits(ids, truth, q);
        }

        return new Round(hits / (double)(RoundQueries * IndexData.TopK), Bench.Percentile(latencies, 0.99));
    }

    private static async Task<long[]> OneAsync(MilvusCollection collection, float[] queries, int q)
    {
        var query = new ReadOnlyMemory<float>(queries, q * IndexData.Dimension, IndexData.Dimension);
        var found = await collection.SearchAsync("vector", [query], SimilarityMetricType.L2, IndexData.TopK, new SearchParameters { ConsistencyLevel = ConsistencyLevel.Strong });
        return [.. found.Ids.LongIds!];
    }

    private static (long Bytes, double Seconds) ReadLog(string folder)
    {
        var buffer = new byte[1 << 20];
        var (bytes, began) = (0L, Stopwatch.GetTimestamp());
        foreach (var file in Directory.GetFiles(Path.Combine(folder, "logs"), "*.wal", SearchOption.AllDirectories))
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 0);
            for (int read; (read = stream.Read(buffer)) > 0;)
            {
                bytes += read;
            }
        }

        return (bytes, Stopwatch.GetElapsedTime(began).TotalSeconds);
    }

    private readonly record struct Round(double Recall, double P99);
}
