using System.Diagnostics;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Core;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Benchmarks.Wal;

/// <summary>Callers that each wait for their ack before they go on, beside a bare loop that writes one record of each and flushes once.</summary>
internal static class WalCallers
{
    private const int RecordBytes = 1024;
    private const int AppendsPerCaller = 600;

    public static async Task RunAsync(Report report, string folder)
    {
        foreach (var callers in new[] { 8, 64 })
        {
            var (ours, bare, sizes) = (new List<double>(), new List<double>(), new List<double>());
            await AppendAsync(Path.Combine(folder, "log"), callers); // compiles the way
            for (var round = 0; round < WalBenchmark.Rounds; round++)
            {
                var (rate, perGroup) = await AppendAsync(Path.Combine(folder, "log"), callers);
                ours.Add(rate);
                sizes.Add(perGroup);
                bare.Add(RawLog.Preallocated(Path.Combine(folder, "raw"), callers * RecordBytes, AppendsPerCaller));
            }

            report.Add(Measurement.Info($"local, {callers} callers that wait for each ack, 1 KiB: acked", Bench.Median(ours), "MB/s", Bench.Median(bare), $"bare loop, {callers} KiB a flush into a preallocated file"));
            report.Add(Measurement.Info($"local, {callers} callers that wait for each ack: entries in a flush", Bench.Median(sizes), "entries", callers, "all of them"));
        }
    }

    private static async Task<(double Rate, double PerGroup)> AppendAsync(string folder, int callers)
    {
        var groups = new GroupSizes(1);
        await using var log = WalBenchmark.Open(folder, groups);
        var writer = await WalBenchmark.CreateAsync(log, "wal");
        var entry = new byte[RecordBytes];
        new Random(7).NextBytes(entry);
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(_ => CallAsync()));
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        await log.DisposeAsync();
        Directory.Delete(folder, recursive: true);
        return ((double)callers * AppendsPerCaller * RecordBytes / 1e6 / seconds, groups.Sizes.Average());

        async Task CallAsync()
        {
            await Task.Yield();
            for (var i = 0; i < AppendsPerCaller; i++)
            {
                await (await writer.EnqueueAsync(entry, CancellationToken.None)).Durable;
            }
        }
    }
}
