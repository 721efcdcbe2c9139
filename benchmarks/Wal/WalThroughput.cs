using System.Diagnostics;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Core;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Benchmarks.Wal;

/// <summary>Megabytes a second acked after fdatasync, beside a bare loop over the groups that the log made, and beside the best bare loop of all.</summary>
internal static class WalThroughput
{
    public const string LimitName = "local, raw limit: best of appending, preallocated and two overlapping writers";
    private const long Bytes = 256L * 1000 * 1000;

    public static async Task RunAsync(Report report, string folder)
    {
        for (var warmUp = 0; warmUp < 3; warmUp++)
        {
            await AppendAsync(Path.Combine(folder, "log"), 1024, 8); // until the runtime has compiled the way
        }

        foreach (var (record, producers) in new[] { (1024, 1), (1024, 8), (1024, 64), (64 * 1024, 1), (64 * 1024, 8), (64 * 1024, 64) })
        {
            var (ours, same, best, limit) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
            var groups = new List<int>();
            for (var round = 0; round < WalBenchmark.Rounds; round++)
            {
                var (rate, made) = await AppendAsync(Path.Combine(folder, "log"), record, producers);
                ours.Add(rate);
                groups = made;
                same.Add(RawLog.Throughput(Path.Combine(folder, "raw"), made));
                best.Add(new[] { 64, 256, 1024, 4096, 8192 }.Max(k => RawLog.Throughput(Path.Combine(folder, "raw"), [.. Enumerable.Repeat(k * 1024, (int)(Bytes / (k * 1024)))])));
                if ((record, producers) == (64 * 1024, 1))
                {
                    limit.Add(Limit(Path.Combine(folder, "raw"), best[^1]));
                }
            }

            var name = $"local, {record / 1024} KiB records, {producers} producer{(producers == 1 ? "" : "s")}";
            report.Add(Measurement.RatioAtLeast($"{name}: acked", Bench.Median(ours), "MB/s", 0.9, Bench.Median(same), $"bare loop, the same {groups.Count} groups"));
            report.Add(Measurement.RatioAtLeast($"{name}: against the best", Bench.Median(ours), "MB/s", 0.8, Bench.Median(best), "best bare loop over groups of 64 KiB to 8 MiB"));
            if (limit.Count > 0)
            {
                report.Add(Measurement.Info(LimitName, Bench.Median(limit), "MB/s", Bench.Median(best), "the appending loop"));
            }
        }
    }

    /// <summary>The most that any bare loop gets out of the disk, synced group by group: appended, into blocks that are there, or by two writers at once.</summary>
    private static double Limit(string path, double appended) => new[] { 1024, 4096, 8192 }
        .Select(k => (Bytes: k * 1024, Groups: (int)(Bytes / (k * 1024))))
        .Max(g => Math.Max(appended, Math.Max(RawLog.Preallocated(path, g.Bytes, g.Groups), RawLog.Overlapping(path, g.Bytes, g.Groups))));

    public static async Task<(double Rate, List<int> Groups)> AppendAsync(string folder, int recordBytes, int producers, long bytes = Bytes)
    {
        var groups = new GroupSizes(recordBytes);
        await using var log = WalBenchmark.Open(folder, groups);
        var writer = await WalBenchmark.CreateAsync(log, "wal");
        var perProducer = (int)(bytes / recordBytes / producers);
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, producers).Select(p => ProduceAsync(writer, recordBytes, perProducer, p)));
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var read = 0L;
        await foreach (var entry in log.ReadAsync("wal", LogPosition.Beginning, writer.Confirmed, CancellationToken.None))
        {
            read += entry.Bytes.Length;
        }

        if (read != (long)perProducer * producers * recordBytes)
        {
            throw new InvalidOperationException($"expected {(long)perProducer * producers * recordBytes} bytes in the log, found {read}");
        }

        await log.DisposeAsync();
        Directory.Delete(folder, recursive: true);
        return (read / 1e6 / seconds, groups.Sizes);
    }

    private static async Task ProduceAsync(ILogWriter writer, int recordBytes, int records, int seed)
    {
        await Task.Yield();
        var entry = new byte[recordBytes];
        new Random(seed).NextBytes(entry);
        var last = default(PendingAppend);
        for (var i = 0; i < records; i++)
        {
            last = await writer.EnqueueAsync(entry, CancellationToken.None);
        }

        await last.Durable; // and with it all before it: acks keep the order of the log
    }
}
