using System.Diagnostics;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Core;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Benchmarks.Wal;

/// <summary>Catching up: every entry, verified, beside a plain read of the same files.</summary>
internal static class WalReading
{
    private const int Records = 200_000;

    /// <summary>Until everything is compiled for good, as it is in a server that has run for a second; the plain read hardly runs any code.</summary>
    private const int WarmUps = 12;

    public static async Task RunAsync(Report report, string folder)
    {
        var path = Path.Combine(folder, "reading");
        var (ours, plain, verified, oursCold, plainCold) = (new List<double>(), new List<double>(), new List<double>(), new List<double>(), new List<double>());
        await using (var log = WalBenchmark.Open(path))
        {
            var writer = await WalBenchmark.CreateAsync(log, "wal");
            var last = default(PendingAppend);
            for (var i = 0; i < Records; i++)
            {
                last = await writer.EnqueueAsync(new byte[2048], CancellationToken.None);
            }

            await last.Durable;
            var files = Directory.EnumerateFiles(path, "*.wal", SearchOption.AllDirectories).Order().ToList();
            for (var i = 0; i < WarmUps; i++)
            {
                await CatchUpAsync(log, writer.Confirmed);
                RawLog.TryForgetCached(files.Where(_ => i % 2 == 0));
            }

            for (var round = 0; round < WalBenchmark.Rounds; round++)
            {
                ours.Add(await CatchUpAsync(log, writer.Confirmed));
                plain.Add(RawLog.Read(files));
                verified.Add(Math.Abs(RawLog.Read(files, verifies: true)));
                if (RawLog.TryForgetCached(files))
                {
                    oursCold.Add(await CatchUpAsync(log, writer.Confirmed));
                    RawLog.TryForgetCached(files);
                    plainCold.Add(RawLog.Read(files));
                }
            }
        }

        Directory.Delete(path, recursive: true);
        if (oursCold.Count > 0)
        {
            report.Add(Measurement.RatioAtLeast("local, catch-up read of 2 KiB records, verified, from the disk", Bench.Median(oursCold), "MB/s", 0.8, Bench.Median(plainCold), "plain read of the same files, not cached either"));
        }

        report.Add(Measurement.RatioAtLeast("local, catch-up read of 2 KiB records, verified, from the page cache", Bench.Median(ours), "MB/s", 0.8, Bench.Median(plain), "plain read of the same files, cached"));
        report.Add(Measurement.Info("local, catch-up read, from the page cache, beside a read that verifies", Bench.Median(ours), "MB/s", Bench.Median(verified), "plain read of the same files, cached, and CRC-32C of every byte"));
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
