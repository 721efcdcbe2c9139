using System.Diagnostics;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Core;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Benchmarks.Wal;

/// <summary>Catching up: every entry, verified, beside a plain read of the same files.</summary>
internal static class WalReading
{
    private const int Records = 200_000;

    public static async Task RunAsync(Report report, string folder)
    {
        var path = Path.Combine(folder, "reading");
        var (ours, plain) = (new List<double>(), new List<double>());
        await using (var log = WalBenchmark.Open(path))
        {
            var writer = await WalBenchmark.CreateAsync(log, "wal");
            var last = default(PendingAppend);
            for (var i = 0; i < Records; i++)
            {
                last = await writer.EnqueueAsync(new byte[2048], CancellationToken.None);
            }

            await last.Durable;
            for (var round = 0; round < WalBenchmark.Rounds; round++)
            {
                ours.Add(await CatchUpAsync(log, writer.Confirmed));
                plain.Add(RawLog.Read(Directory.EnumerateFiles(path, "*.wal", SearchOption.AllDirectories).Order()));
            }
        }

        Directory.Delete(path, recursive: true);
        report.Add(Measurement.RatioAtLeast("local, catch-up read of 2 KiB records, verified", Bench.Median(ours), "MB/s", 0.8, Bench.Median(plain), "plain read of the same files"));
    }

    private static async Task<double> CatchUpAsync(LocalWoodpecker log, LogPosition until)
    {
        long bytes = 0;
        var began = Stopwatch.GetTimestamp();
        await foreach (var entry in log.ReadAsync("wal", LogPosition.Beginning, until, CancellationToken.None))
        {
            bytes += entry.Bytes.Length;
        }

        return bytes / 1e6 / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }
}
