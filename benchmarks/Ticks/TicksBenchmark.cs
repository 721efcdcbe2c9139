using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Client;

namespace MiniMilvus.Benchmarks.Ticks;

/// <summary>What an idle hour costs: lazy ticks (in memory, when somebody needs one) beside stored ticks, as older designs keep them.</summary>
internal static class TicksBenchmark
{
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(20);

    public static async Task RunAsync(Report report)
    {
        var all = await MeasureAsync("All");
        var lazy = await MeasureAsync("Lazy");
        report.Add(Measurement.AtMost("lazy: bytes written per idle hour", lazy.Bytes, "bytes", 0, all.Bytes, "timetick.persist = all"));
        report.Add(Measurement.AtMost("lazy: write calls per idle hour", lazy.Calls, "calls", 0, all.Calls, "timetick.persist = all"));
        report.Add(Measurement.Info("lazy: CPU per idle hour", lazy.CpuSeconds, "s", all.CpuSeconds, "timetick.persist = all"));
    }

    private static async Task<(double Bytes, double Calls, double CpuSeconds)> MeasureAsync(string persist)
    {
        await using var server = await ServerProcess.StartAsync(Bench.NewFolder("ticks-" + persist), "--streamingnode.timeTickPersist", persist);
        using (var client = new MilvusClient(new Uri($"http://{server.Grpc}")))
        {
            var collection = await Bench.CollectionAsync(client, "idle");
            await collection.InsertAsync(Bench.Rows(0, 10, new Vectors(Bench.Dim, 4).Make(10, 0)));
        }

        await Task.Delay(TimeSpan.FromSeconds(25)); // What the insert set off has settled: checkpoints, positions, the last truncation.
        var (before, cpu) = (server.Writes(), server.CpuTime);
        await Task.Delay(Idle);
        var after = server.Writes();
        var perHour = 3600 / Idle.TotalSeconds;
        return ((after.WriteBytes - before.WriteBytes) * perHour, (after.WriteCalls - before.WriteCalls) * perHour, (server.CpuTime - cpu).TotalSeconds * perHour);
    }
}
