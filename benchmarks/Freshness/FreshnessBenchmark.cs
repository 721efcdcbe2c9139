using System.Diagnostics;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Client;

namespace MiniMilvus.Benchmarks.Freshness;

/// <summary>From a row's ack to the first Eventually search on another connection that finds it, while 1,000 rows a second go in.</summary>
internal static class FreshnessBenchmark
{
    private const int RowsPerSecond = 1_000;
    private const int Probes = 1_000;

    /// <summary>Until the runtime has compiled what runs often: a server that has just started is a few milliseconds slower in one probe of a hundred.</summary>
    private const int WarmUpProbes = 3_000;

    public static async Task RunAsync(Report report)
    {
        var folder = Bench.NewFolder("freshness");
        await using var server = await ServerProcess.StartAsync(folder);
        using var writer = new MilvusClient(new Uri($"http://{server.Grpc}"));
        using var reader = new MilvusClient(new Uri($"http://{server.Grpc}"));
        using var loader = new MilvusClient(new Uri($"http://{server.Grpc}"));
        var write = await Bench.CollectionAsync(writer, "fresh");
        var read = reader.GetCollection("fresh");
        var source = new Vectors(Bench.Dim, 3);
        using var stop = new CancellationTokenSource();
        var load = LoadAsync(loader.GetCollection("fresh"), source, stop.Token);
        var parameters = new SearchParameters { ConsistencyLevel = ConsistencyLevel.Eventually };
        var (_, cold, _) = await ProbeAsync(write, read, source, parameters, WarmUpProbes, 0);
        var (acks, fresh, missed) = await ProbeAsync(write, read, source, parameters, Probes, WarmUpProbes);
        await stop.CancelAsync();
        var loaded = await load;
        report.Add(Measurement.AtMost($"ack to first Eventually hit, p99, at {RowsPerSecond:N0} rows/s", Bench.Percentile(fresh, 0.99), "ms", 10, Bench.Percentile(acks, 0.5), "a lone insert's ack, p50"));
        report.Add(Measurement.Info("ack to first Eventually hit, p50", Bench.Percentile(fresh, 0.5), "ms"));
        report.Add(Measurement.Info($"the same in the first {WarmUpProbes:N0} probes after a start, p99", Bench.Percentile(cold, 0.99), "ms"));
        report.Add(Measurement.Info("found by the very first search", Probes - missed, "probes", Probes, "probes"));
        report.Add(Measurement.Info("insert to ack, one row, p50", Bench.Percentile(acks, 0.5), "ms"));
        report.Add(Measurement.Info("background rows", loaded, "rows"));
        var count = await read.CountAsync(consistencyLevel: ConsistencyLevel.Strong);
        report.Check("every acked row is counted", count == loaded + Probes + WarmUpProbes, $"{count} rows");
    }

    private static async Task<(List<double> Acks, List<double> Fresh, int Missed)> ProbeAsync(
        MilvusCollection write, MilvusCollection read, Vectors source, SearchParameters parameters, int probes, int from)
    {
        var (acks, fresh, missed) = (new List<double>(), new List<double>(), 0);
        for (var i = 0; i < probes; i++)
        {
            var id = 10_000_000L + from + i;
            var vector = source.Make(1, 20_000_000 + from + i);
            var start = Stopwatch.GetTimestamp();
            await write.InsertAsync(Bench.Rows(id, 1, vector));
            var acked = Stopwatch.GetTimestamp();
            acks.Add(Stopwatch.GetElapsedTime(start, acked).TotalMilliseconds);
            for (var look = 0; ; look++)
            {
                var found = await read.SearchAsync<float>("vector", [vector], SimilarityMetricType.L2, 1, parameters);
                if (found.Ids.LongIds is [var first, ..] && first == id)
                {
                    missed += look > 0 ? 1 : 0;
                    break;
                }
            }

            fresh.Add(Stopwatch.GetElapsedTime(acked).TotalMilliseconds);
        }

        return (acks, fresh, missed);
    }

    private static async Task<long> LoadAsync(MilvusCollection collection, Vectors source, CancellationToken stop)
    {
        const int batch = 10;
        long rows = 0;
        var began = Stopwatch.GetTimestamp();
        while (!stop.IsCancellationRequested)
        {
            await collection.InsertAsync(Bench.Rows(rows, batch, source.Make(batch, (int)rows)), cancellationToken: CancellationToken.None);
            rows += batch;
            var ahead = TimeSpan.FromSeconds(rows / (double)RowsPerSecond) - Stopwatch.GetElapsedTime(began);
            if (ahead > TimeSpan.Zero)
            {
                await Task.Delay(ahead, CancellationToken.None);
            }
        }

        return rows;
    }
}
