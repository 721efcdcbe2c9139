using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Client;

namespace MiniMilvus.Benchmarks.Ticks;

/// <summary>What an idle hour costs: lazy ticks (in memory, when somebody needs one) beside stored ticks, as older designs keep them.</summary>
internal static class TicksBenchmark
{
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(60);

    public static async Task RunAsync(Report report)
    {
        var all = await MeasureAsync("All");
        var lazy = await MeasureAsync("Lazy");
        report.Add(Measurement.AtMost("lazy: bytes written to storage per idle hour", lazy.Written, "bytes", 0, all.Written, "timetick.persist = all, counted in whole folios of the page cache"));
        report.Add(Measurement.AtMost("lazy: bytes read from storage per idle hour", lazy.Read, "bytes", 0, all.Read, "timetick.persist = all"));
        report.Add(Measurement.Info("lazy: calls to read or write anything per idle hour", lazy.Calls, "calls", all.Calls, "timetick.persist = all"));
        report.Add(Measurement.Info("lazy: CPU per idle hour", lazy.CpuSeconds, "s", all.CpuSeconds, "timetick.persist = all"));
        report.Check("stored ticks do reach storage, so the figures above can tell", all.Written > 0, $"{all.Written:N0} bytes per hour");
    }

    private static async Task<(double Written, double Read, double Calls, double CpuSeconds)> MeasureAsync(string persist)
    {
        await using var server = await ServerProcess.StartAsync(Bench.NewFolder("ticks-" + persist), settled: true, "--streamingnode.timeTickPersist", persist);
        using (var client = new MilvusClient(new Uri($"http://{server.Grpc}")))
        {
            var collection = await Bench.CollectionAsync(client, "idle");
            await collection.InsertAsync(Bench.Rows(0, 10, new Vectors(Bench.Dim, 4).Make(10, 0)));
        }

        await Task.Delay(TimeSpan.FromSeconds(25)); // What the insert set off has settled: checkpoints, positions, the last truncation.
        var (before, cpu) = (server.Io(), server.CpuTime);
        await Task.Delay(Idle);
        var after = server.Io();
        var perHour = 3600 / Idle.TotalSeconds;
        return (
            (after.StorageBytesWritten - before.StorageBytesWritten) * perHour,
            (after.StorageBytesRead - before.StorageBytesRead) * perHour,
            (after.WriteCalls - before.WriteCalls + after.ReadCalls - before.ReadCalls) * perHour,
            (server.CpuTime - cpu).TotalSeconds * perHour);
    }
}
