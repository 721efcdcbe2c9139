using System.Collections.Concurrent;
using System.Diagnostics;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Benchmarks.Wal;

/// <summary>A lone append, and the way from its ack to a reader at the tail.</summary>
internal static class WalLatency
{
    private const int Appends = 300;

    public static async Task RunAsync(Report report, string folder)
    {
        var (lone, raw, tail) = (new List<double>(), new List<double>(), new List<double>());
        var acks = new AckTimes();
        await using (var log = WalBenchmark.Open(Path.Combine(folder, "latency"), acks))
        {
            var writer = await WalBenchmark.CreateAsync(log, "wal");
            await AppendAsync(writer, Appends); // the runtime has compiled the way
            for (var round = 0; round < WalBenchmark.Rounds; round++)
            {
                lone.Add(Bench.Median(await AppendAsync(writer, Appends)));
                raw.Add(Bench.Median(RawLog.Overwrites(Path.Combine(folder, "raw"), Appends)));
            }

            for (var round = 0; round < WalBenchmark.Rounds; round++)
            {
                tail.Add(Bench.Median(await TailAsync(log, writer, acks)));
            }
        }

        Directory.Delete(Path.Combine(folder, "latency"), recursive: true);
        report.Add(Measurement.RatioAtMost("local, lone append of 4 KiB, p50", Bench.Median(lone), "us", 1.2, Bench.Median(raw), "4 KiB into a preallocated file + sync, p50"));
        report.Add(Measurement.AtMost("ack to a tailing reader in the process, p50", Bench.Median(tail), "us", 100, Bench.Median(lone), "lone append, p50"));
    }

    private static async Task<List<double>> AppendAsync(ILogWriter writer, int count)
    {
        var entry = new byte[4096];
        var times = new List<double>(count);
        for (var i = 0; i < count; i++)
        {
            var began = Stopwatch.GetTimestamp();
            await (await writer.EnqueueAsync(entry, CancellationToken.None)).Durable;
            times.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds);
        }

        return times;
    }

    private static async Task<List<double>> TailAsync(LocalWoodpecker log, ILogWriter writer, AckTimes acks)
    {
        var first = writer.Confirmed;
        var seen = new Dictionary<LogPosition, long>();
        var reading = ReadAsync();
        var acked = acks.Begin();
        var entry = new byte[1024];
        for (var i = 0; i < Appends; i++)
        {
            await (await writer.EnqueueAsync(entry, CancellationToken.None)).Durable;
            await Task.Delay(1);
        }

        await reading;
        return [.. seen.Select(s => Stopwatch.GetElapsedTime(acked[s.Key], s.Value).TotalMicroseconds)];

        async Task ReadAsync()
        {
            await foreach (var read in log.ReadAsync("wal", first, LogPosition.Max, CancellationToken.None))
            {
                seen.Add(read.Position, Stopwatch.GetTimestamp());
                if (seen.Count == Appends)
                {
                    return;
                }
            }
        }
    }

    /// <summary>When each entry was acked: at the station that lets the ack go, not where somebody who waited for it wakes up.</summary>
    private sealed class AckTimes : IStationSink
    {
        private volatile ConcurrentDictionary<LogPosition, long>? _times;

        public bool IsEnabled => _times is not null;

        public ConcurrentDictionary<LogPosition, long> Begin() => _times = new();

        public void Emit(in StationEvent value)
        {
            if (value.Station == Station.Durable)
            {
                for (var i = 1; i <= value.Count; i++)
                {
                    _times!.TryAdd(new LogPosition(value.Position.Segment, value.Position.Entry - i), Stopwatch.GetTimestamp());
                }
            }
        }
    }
}
