using System.Diagnostics;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Client;

namespace MiniMilvus.Benchmarks.Freshness;

/// <summary>
/// Over 100,000 rows that are loaded first, while 1,000 rows a second go in: from a row's ack to the first Eventually search on another connection that
/// finds it. Probes arrive when their time comes, whatever became of the ones before. Then each of 10,000 acked rows is searched once at Strong, which
/// must find it, beside a search at Eventually.
/// </summary>
internal static class FreshnessBenchmark
{
    private const int RowsLoaded = 100_000;
    private const int RowsPerSecond = 1_000;
    private const int ProbesPerSecond = 50;
    private const int Probes = 3_000;
    private const int StrongProbes = 10_000;
    private const int StrongProbesPerSecond = 100;

    /// <summary>Until the runtime has compiled what runs often: a server that has just started is a few milliseconds slower in one probe of a hundred.</summary>
    private const int WarmUpProbes = 1_000;

    /// <summary>A probe's looks follow each other after this; a hit is known at the end of its look.</summary>
    private static readonly TimeSpan PollingInterval = TimeSpan.FromMilliseconds(1);

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
        for (var i = 0; i < RowsLoaded / 1_000; i++)
        {
            await write.InsertAsync(Bench.Rows(30_000_000L + (i * 1_000), 1_000, source.Make(1_000, 30_000_000 + i)));
        }

        while (await server.MetricAsync("minimilvus_querynode_rows_waiting_for_graph") > 2_048)
        {
            await Task.Delay(100);
        }

        using var stop = new CancellationTokenSource();
        var load = LoadAsync(loader.GetCollection("fresh"), source, stop.Token);
        await ArriveAsync(WarmUpProbes, ProbesPerSecond, i => ProbeAsync(write, read, source, i));
        var probes = await ArriveAsync(Probes, ProbesPerSecond, i => ProbeAsync(write, read, source, WarmUpProbes + i));
        await ArriveAsync(WarmUpProbes, StrongProbesPerSecond, i => StrongAsync(write, read, source, 1_000_000 + i));
        var strong = await ArriveAsync(StrongProbes, StrongProbesPerSecond, i => StrongAsync(write, read, source, 1_000_000 + WarmUpProbes + i));
        await stop.CancelAsync();
        var loaded = await load;

        report.Note($"{RowsLoaded:N0} rows loaded, {RowsPerSecond:N0} rows/s beside the probes, {ProbesPerSecond} and {StrongProbesPerSecond} probes/s in open loop, polling every {PollingInterval.TotalMilliseconds:0} ms");
        var fresh = probes.ConvertAll(p => p.Fresh);
        report.Add(Measurement.AtMost($"ack to first Eventually hit, p99, at {RowsPerSecond:N0} rows/s", Bench.Percentile(fresh, 0.99), "ms", 10, Bench.Percentile(probes.ConvertAll(p => p.Ack), 0.5), "a lone insert's ack, p50"));
        report.Add(Measurement.Info("ack to first Eventually hit, p50", Bench.Percentile(fresh, 0.5), "ms"));
        report.Add(Measurement.Info("found by the very first search", probes.Count(p => p.Looks == 1), "probes", Probes, "probes"));
        var (atStrong, atEventually) = (strong.ConvertAll(s => s.Strong), strong.ConvertAll(s => s.Eventually));
        report.Check($"every one of {StrongProbes:N0} Strong searches finds the row acked before it", strong.TrueForAll(s => s.IsFound), $"{strong.Count(s => !s.IsFound)} missed");
        report.Add(Measurement.AtMost("Strong search over Eventually, p99 less p99", Bench.Percentile(atStrong, 0.99) - Bench.Percentile(atEventually, 0.99), "ms", 5, Bench.Percentile(atEventually, 0.99), "Eventually, p99"));
        report.Add(Measurement.Info("Strong search over Eventually, p50 less p50", Bench.Percentile(atStrong, 0.5) - Bench.Percentile(atEventually, 0.5), "ms"));
        var count = await read.CountAsync(consistencyLevel: ConsistencyLevel.Strong);
        var expected = RowsLoaded + loaded + Probes + StrongProbes + (2 * WarmUpProbes);
        report.Check("every acked row is counted", count == expected, $"{count} of {expected} rows");
    }

    /// <summary>Starts each probe at its time, and waits for all.</summary>
    private static async Task<List<T>> ArriveAsync<T>(int probes, int perSecond, Func<int, Task<T>> probe)
    {
        var running = new List<Task<T>>(probes);
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; i < probes; i++)
        {
            var ahead = TimeSpan.FromSeconds(i / (double)perSecond) - Stopwatch.GetElapsedTime(began);
            if (ahead > TimeSpan.Zero)
            {
                await Task.Delay(ahead);
            }

            running.Add(probe(i));
        }

        return [.. await Task.WhenAll(running)];
    }

    private static async Task<(double Ack, double Fresh, int Looks)> ProbeAsync(MilvusCollection write, MilvusCollection read, Vectors source, int i)
    {
        var (id, vector, ack) = await InsertAsync(write, source, i);
        var acked = Stopwatch.GetTimestamp();
        for (var looks = 1; ; looks++)
        {
            if (await FindsAsync(read, vector, id, ConsistencyLevel.Eventually))
            {
                return (ack, Stopwatch.GetElapsedTime(acked).TotalMilliseconds, looks);
            }

            await Task.Delay(PollingInterval);
        }
    }

    private static async Task<(double Strong, double Eventually, bool IsFound)> StrongAsync(MilvusCollection write, MilvusCollection read, Vectors source, int i)
    {
        var (id, vector, _) = await InsertAsync(write, source, i);
        var (isFound, times) = (false, (Strong: 0.0, Eventually: 0.0));
        foreach (var level in (ConsistencyLevel[])[ConsistencyLevel.Strong, ConsistencyLevel.Eventually])
        {
            var start = Stopwatch.GetTimestamp();
            var found = await FindsAsync(read, vector, id, level);
            var took = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            (isFound, times) = level == ConsistencyLevel.Strong ? (found, (took, 0)) : (isFound, (times.Strong, took));
        }

        return (times.Strong, times.Eventually, isFound);
    }

    private static async Task<(long Id, ReadOnlyMemory<float> Vector, double Ack)> InsertAsync(MilvusCollection write, Vectors source, int i)
    {
        var (id, vector) = (10_000_000L + i, source.Make(1, 20_000_000 + i));
        var start = Stopwatch.GetTimestamp();
        await write.InsertAsync(Bench.Rows(id, 1, vector));
        return (id, vector, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }

    private static async Task<bool> FindsAsync(MilvusCollection read, ReadOnlyMemory<float> vector, long id, ConsistencyLevel level)
    {
        var found = await read.SearchAsync("vector", [vector], SimilarityMetricType.L2, 1, new SearchParameters { ConsistencyLevel = level });
        return found.Ids.LongIds is [var first, ..] && first == id;
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
