using System.Diagnostics;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Client;

namespace MiniMilvus.Benchmarks.Ingest;

/// <summary>Durable inserts of 128 floats in batches of 1,000 through the gRPC port; client and server share the machine.</summary>
internal static class IngestBenchmark
{
    private const int Batch = 1_000;
    private const int Batches = 200;
    private const int InFlight = 4;
    private const int Runs = 3;

    public static async Task RunAsync(Report report)
    {
        var folder = Bench.NewFolder("ingest");
        var raw = RawDisk.Throughput(folder, Batch * Bench.Dim * 4, 200) * 1e6 / (Bench.Dim * 4);
        await using var server = await ServerProcess.StartAsync(folder);
        using var client = new MilvusClient(new Uri($"http://{server.Grpc}"));
        var collection = await Bench.CollectionAsync(client, "ingest");
        var source = new Vectors(Bench.Dim, 1);
        var batches = Enumerable.Range(0, Batches).Select(i => source.Make(Batch, i)).ToArray();
        await InsertAsync(collection, batches, 0, 20);
        var rates = new List<double>();
        var first = 20L * Batch;
        for (var run = 0; run < Runs; run++)
        {
            var cpu = server.CpuTime;
            var began = Stopwatch.GetTimestamp();
            await InsertAsync(collection, batches, first, Batches);
            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            rates.Add(Batches * Batch / seconds);
            first += Batches * Batch;
            report.Note($"  run {run + 1}: {rates[^1]:N0} rows/s; server CPU {(server.CpuTime - cpu).TotalSeconds / seconds:0.00} cores");
        }

        report.Add(Measurement.AtLeast("ingest, 128 floats, batches of 1,000, durable", Bench.Median(rates), "rows/s", 50_000, raw, "raw write + flush of the same bytes"));
        report.Add(Measurement.Info("exact-scan backlog after the last ack", await server.MetricAsync("minimilvus_querynode_rows_waiting_for_graph"), "rows"));
        report.Add(Measurement.Info("server memory", server.WorkingSet / 1e6, "MB", first * Bench.Dim * 4 / 1e6, "raw vector bytes"));
        var count = await collection.CountAsync(consistencyLevel: ConsistencyLevel.Strong);
        report.Check("every acked row is counted", count == first, $"{count} of {first} rows");
    }

    private static async Task InsertAsync(MilvusCollection collection, float[][] batches, long firstId, int count)
    {
        var next = -1;
        async Task WorkAsync()
        {
            for (var i = Interlocked.Increment(ref next); i < count; i = Interlocked.Increment(ref next))
            {
                await collection.InsertAsync(Bench.Rows(firstId + (i * (long)Batch), Batch, batches[i]));
            }
        }

        await Task.WhenAll(Enumerable.Range(0, InFlight).Select(_ => WorkAsync()));
    }
}
