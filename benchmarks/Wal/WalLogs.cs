using System.Diagnostics;
using System.Globalization;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Core;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Benchmarks.Wal;

/// <summary>Many logs in one process: what an append costs among them, what one costs that nobody uses, and what a hundred cost at rest.</summary>
internal static class WalLogs
{
    private const int Appenders = 32;
    private const int Appends = 24_000;

    public static async Task RunAsync(Report report, string folder)
    {
        var (few, many, memory) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round < WalBenchmark.Rounds; round++)
        {
            few.Add((await MeasureAsync(Path.Combine(folder, "few"), 10)).P99);
            var measured = await MeasureAsync(Path.Combine(folder, "many"), 1_000);
            many.Add(measured.P99);
            memory.Add(measured.KilobytesPerLog);
        }

        report.Add(Measurement.RatioAtMost("append p99 over 1,000 active logs", Bench.Median(many) / 1000, "ms", 2, Bench.Median(few) / 1000, "over 10 logs"));
        report.Add(Measurement.Info("memory of an open log", Bench.Median(memory), "KB"));
        await IdleAsync(report, Path.Combine(folder, "idle"));
    }

    private static async Task<(double P99, double KilobytesPerLog)> MeasureAsync(string folder, int logs)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await using var log = WalBenchmark.Open(folder);
        var writers = new ILogWriter[logs];
        for (var i = 0; i < logs; i++)
        {
            writers[i] = await WalBenchmark.CreateAsync(log, $"log-{i}");
        }

        foreach (var writer in writers)
        {
            await (await writer.EnqueueAsync(new byte[1024], CancellationToken.None)).Durable; // the first one of a log finds its file cold
        }

        var kilobytes = (GC.GetTotalMemory(forceFullCollection: true) - before) / 1024.0 / logs;
        var times = new List<double>();
        await Task.WhenAll(Enumerable.Range(0, Appenders).Select(a => AppendAsync(a)));
        await log.DisposeAsync();
        Directory.Delete(folder, recursive: true);
        return (Bench.Percentile(times, 0.99), kilobytes);

        async Task AppendAsync(int appender)
        {
            await Task.Yield();
            var entry = new byte[1024];
            for (var i = 0; i < Appends / Appenders; i++)
            {
                var began = Stopwatch.GetTimestamp();
                await (await writers[((i * Appenders) + appender) % logs].EnqueueAsync(entry, CancellationToken.None)).Durable;
                lock (times)
                {
                    times.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds);
                }
            }
        }
    }

    private static async Task IdleAsync(Report report, string folder)
    {
        await using var log = WalBenchmark.Open(folder);
        using var stop = new CancellationTokenSource();
        var readers = new List<Task>();
        for (var i = 0; i < 100; i++)
        {
            var writer = await WalBenchmark.CreateAsync(log, $"idle-{i}");
            readers.Add(FollowAsync($"idle-{i}", stop.Token));
            await (await writer.EnqueueAsync(new byte[100], CancellationToken.None)).Durable;
        }

        await Task.Delay(5_000);
        using var self = Process.GetCurrentProcess();
        var (cpu, io) = (self.TotalProcessorTime, StorageBytes());
        var began = Stopwatch.GetTimestamp();
        await Task.Delay(20_000);
        self.Refresh();
        var share = (self.TotalProcessorTime - cpu).TotalSeconds / Stopwatch.GetElapsedTime(began).TotalSeconds;
        var bytes = StorageBytes() - io; // before anything is reported, which may go to a file
        report.Add(Measurement.AtMost("idle, 100 logs with a reader each: share of a core", share * 100, "%", 0.5, null, ""));
        report.Add(Measurement.AtMost("idle, 100 logs with a reader each: storage read and written", bytes, "bytes", 0, null, ""));
        stop.Cancel();
        await Task.WhenAll(readers);
        await log.DisposeAsync();
        Directory.Delete(folder, recursive: true);

        async Task FollowAsync(string name, CancellationToken ct)
        {
            try
            {
                await foreach (var entry in log.ReadAsync(name, LogPosition.Beginning, LogPosition.Max, ct))
                {
                    ct.ThrowIfCancellationRequested();
                }
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return; // the measurement has ended
            }
        }
    }

    private static long StorageBytes() => File.ReadAllLines("/proc/self/io").Select(l => l.Split(": "))
        .Where(p => p[0] is "read_bytes" or "write_bytes").Sum(p => long.Parse(p[1], CultureInfo.InvariantCulture));
}
