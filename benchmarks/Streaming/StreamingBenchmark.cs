using System.Diagnostics;
using System.Globalization;
using MiniMilvus.Benchmarks.IndexAlone;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Client;
using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Scan;
using MiniMilvus.Index.Vectors;
using ConsistencyLevel = MiniMilvus.Client.ConsistencyLevel;

namespace MiniMilvus.Benchmarks.Streaming;

/// <summary>
/// Searches while rows go in at a part of the rate at which the server links rows to graphs: p99 beside that at rest, rows without a graph over time,
/// recall throughout; then the rate at which p99 crosses 1.5 times that at rest. Client and server share the machine.
/// </summary>
internal static class StreamingBenchmark
{
    private const int RowsLoaded = 100_000;
    private const int Batch = 100;
    private const int Ef = 64;
    private const double RatioMax = 1.5;
    private const int RecallQueries = 50;
    private static readonly TimeSpan RestTime = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan StepTime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan SampleInterval = TimeSpan.FromSeconds(10);

    public static async Task RunAsync(Report report, TimeSpan time)
    {
        var data = IndexData.Open(RowsLoaded);
        var queries = data.ReadQueries();
        await using var server = await ServerProcess.StartAsync(Bench.NewFolder("streaming"));
        using var writer = new MilvusClient(new Uri($"http://{server.Grpc}"));
        using var reader = new MilvusClient(new Uri($"http://{server.Grpc}"));
        var write = await Bench.CollectionAsync(writer, "stream");
        var read = reader.GetCollection("stream");
        var rows = new List<float[]> { data.ReadRows() };
        var began = Stopwatch.GetTimestamp();
        await Bench.FillAsync(write, rows[0], 1_000, 4);
        await SettleAsync(server);
        var buildRate = RowsLoaded / Stopwatch.GetElapsedTime(began).TotalSeconds;
        await ReadAsync(read, queries, RestTime / 2, default); // Compiled and warm.
        var rest = Bench.Percentile(await ReadAsync(read, queries, RestTime, default), 0.99);
        report.Add(Measurement.Info("build rate: rows/s until durable and in a graph", buildRate, "rows/s"));
        report.Add(Measurement.Info($"p99 at rest, {RowsLoaded:N0} rows, ef {Ef}", rest, "ms"));
        var maker = IndexData.MakerOfMore();
        foreach (var part in (double[])[0.25, 0.5])
        {
            var phase = await PhaseAsync(server, write, read, queries, rows, maker, part * buildRate, time);
            var name = string.Create(CultureInfo.InvariantCulture, $"{part:0.00} x the build rate for {time.TotalMinutes:0.#} min");
            report.Note($"{name}: rows without a graph every {SampleInterval.TotalSeconds:0} s: {string.Join(' ', phase.Waiting)}");
            report.Note($"{name}: {phase.Course}");
            report.Add(Measurement.Info($"{name}: rows/s inserted", phase.Rate, "rows/s", part * buildRate, "asked for"));
            report.Add(Measurement.RatioAtMost($"{name}: search p99", phase.P99, "ms", RatioMax, rest, "at rest"));
            report.Add(Measurement.Info($"{name}: search p50", phase.P50, "ms"));
            report.Add(Measurement.AtLeast($"{name}: least recall of a sample", phase.Recall, "", 0.95, null, ""));
            report.Add(Measurement.Info($"{name}: most rows without a graph", phase.Waiting.DefaultIfEmpty().Max(), "rows"));
            await SettleAsync(server);
            var after = await ReadAsync(read, queries, RestTime, default);
            report.Add(Measurement.Info($"{name}: search p99 at rest afterwards, {rows.Sum(r => r.Length / IndexData.Dimension):N0} rows", Bench.Percentile(after, 0.99), "ms", rest, "before"));
        }

        await CrossAsync(report, server, write, read, queries, rows, maker, buildRate, rest);
    }

    private static async Task CrossAsync(
        Report report, ServerProcess server, MilvusCollection write, MilvusCollection read, float[] queries, List<float[]> rows, IndexMaker maker, double buildRate, double rest)
    {
        foreach (var part in (double[])[0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4])
        {
            var phase = await PhaseAsync(server, write, read, queries, rows, maker, part * buildRate, StepTime);
            report.Note(string.Create(CultureInfo.InvariantCulture, $"{part:0.00} x for {StepTime.TotalSeconds:0} s: {phase.Rate:0} rows/s, p99 {phase.P99:0.00} ms, {phase.P99 / rest:0.00} x that at rest; {phase.Course}"));
            if (phase.P99 > RatioMax * rest)
            {
                report.Add(Measurement.Info($"p99 crosses {RatioMax} x that at rest at", phase.Rate, "rows/s", buildRate, "build rate"));
                return;
            }

            await SettleAsync(server);
        }

        report.Note($"p99 stayed within {RatioMax} x that at rest at every rate tried");
    }

    private static async Task<Phase> PhaseAsync(
        ServerProcess server, MilvusCollection write, MilvusCollection read, float[] queries, List<float[]> rows, IndexMaker maker, double perSecond, TimeSpan time)
    {
        using var stop = new CancellationTokenSource();
        // What is inserted is made before: on the machine that all share, its making would be measured too.
        var made = new Queue<float[]>(Enumerable.Range(0, (int)Math.Ceiling(perSecond * time.TotalSeconds / Batch) + 1).Select(_ => maker.Make(Batch)));
        var before = await CollectorAsync(server);
        var searches = ReadAsync(read, queries, Timeout.InfiniteTimeSpan, stop.Token);
        var (waiting, samples, inserted) = (new List<double>(), new List<(int Known, long[] Ids)>(), 0L);
        var first = rows.Sum(r => r.Length / IndexData.Dimension);
        var began = Stopwatch.GetTimestamp();
        var nextSample = SampleInterval;
        while (Stopwatch.GetElapsedTime(began) < time && made.TryDequeue(out var values))
        {
            await write.InsertAsync(Bench.Rows(first + inserted, Batch, values));
            rows.Add(values);
            inserted += Batch;
            if (Stopwatch.GetElapsedTime(began) >= nextSample)
            {
                // No insert is under way, so a Strong search sees exactly the rows of the list.
                nextSample += SampleInterval;
                waiting.Add(await server.MetricAsync("minimilvus_querynode_rows_waiting_for_graph"));
                samples.Add((rows.Count, [.. await SearchAsync(read, queries, 0, RecallQueries, ConsistencyLevel.Strong)]));
            }

            var ahead = TimeSpan.FromSeconds(inserted / perSecond) - Stopwatch.GetElapsedTime(began);
            if (ahead > TimeSpan.Zero)
            {
                await Task.Delay(ahead);
            }
        }

        var rate = inserted / Stopwatch.GetElapsedTime(began).TotalSeconds;
        stop.Cancel();
        var latencies = await searches;
        var p99s = latencies.Chunk((int)Math.Ceiling(latencies.Count / (time / SampleInterval))).Select(c => Bench.Percentile([.. c], 0.99).ToString("0.0", CultureInfo.InvariantCulture));
        var after = await CollectorAsync(server);
        var course = string.Create(CultureInfo.InvariantCulture, $"p99 of each {SampleInterval.TotalSeconds:0} s, ms: {string.Join(' ', p99s)}; the server's collector: {after.Collections - before.Collections:0} collections, {(after.PauseSeconds - before.PauseSeconds) * 1000:0} ms of pauses");
        return new Phase(course, rate, Bench.Percentile(latencies, 0.5), Bench.Percentile(latencies, 0.99), waiting, samples.Count == 0 ? 1 : samples.Min(s => Recall(queries, rows, s.Known, s.Ids)));
    }

    /// <summary>One search after the other; their latencies in ms.</summary>
    private static async Task<List<double>> ReadAsync(MilvusCollection read, float[] queries, TimeSpan time, CancellationToken stop)
    {
        var latencies = new List<double>();
        var began = Stopwatch.GetTimestamp();
        for (var q = 0; !stop.IsCancellationRequested && (time < TimeSpan.Zero || Stopwatch.GetElapsedTime(began) < time); q = (q + 1) % IndexData.Queries)
        {
            var start = Stopwatch.GetTimestamp();
            await SearchAsync(read, queries, q, 1, ConsistencyLevel.BoundedStaleness);
            latencies.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return latencies;
    }

    private static async Task<IReadOnlyList<long>> SearchAsync(MilvusCollection read, float[] queries, int first, int count, ConsistencyLevel level)
    {
        var parameters = new SearchParameters { ConsistencyLevel = level };
        parameters.ExtraParameters["ef"] = Ef.ToString(CultureInfo.InvariantCulture);
        var vectors = Enumerable.Range(first, count).Select(q => new ReadOnlyMemory<float>(queries, q * IndexData.Dimension, IndexData.Dimension)).ToList();
        return (await read.SearchAsync("vector", vectors, SimilarityMetricType.L2, IndexData.TopK, parameters)).Ids.LongIds!;
    }

    /// <summary>Of a sample, against an exact scan of the rows that were acked before it.</summary>
    private static double Recall(float[] queries, List<float[]> rows, int known, long[] ids)
    {
        var hits = 0;
        for (var q = 0; q < RecallQueries; q++)
        {
            var query = queries.AsSpan(q * IndexData.Dimension, IndexData.Dimension);
            var (nearest, first) = (new List<(float Distance, long Id)>(), 0L);
            foreach (var values in rows.Take(known))
            {
                var source = new ContiguousVectors(new VectorSpace(MetricType.L2, IndexData.Dimension), values);
                foreach (var found in ExactScan.Search(source, query, IndexData.TopK))
                {
                    nearest.Add((found.Distance, first + found.Key));
                }

                first += source.Count;
            }

            var wanted = nearest.Order().Take(IndexData.TopK).Select(n => n.Id).ToHashSet();
            hits += ids.Skip(q * IndexData.TopK).Take(IndexData.TopK).Count(wanted.Contains);
        }

        return hits / (double)(RecallQueries * IndexData.TopK);
    }

    private static async Task SettleAsync(ServerProcess server)
    {
        var began = Stopwatch.GetTimestamp();
        while (await server.MetricAsync("minimilvus_querynode_rows_waiting_for_graph") > 2_048)
        {
            if (Stopwatch.GetElapsedTime(began) > TimeSpan.FromMinutes(10))
            {
                throw new TimeoutException("expected the graphs to catch up within 10 minutes");
            }

            await Task.Delay(200);
        }
    }

    private static async Task<(double Collections, double PauseSeconds)> CollectorAsync(ServerProcess server) =>
        (await server.MetricAsync("dotnet_gc_collections"), await server.MetricAsync("dotnet_gc_pause_time"));

    private sealed record Phase(string Course, double Rate, double P50, double P99, List<double> Waiting, double Recall);
}
