using System.Diagnostics;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Benchmarks.Peers;
using MiniMilvus.Core;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Benchmarks.Wal;

/// <summary>
/// Other systems that keep what they ack, on the same disk in the same run, each driven the way it likes best. Servers answer over loopback
/// from a process of their own; the log is called in this process, which is how its owner uses it, and so is FasterLog. One that is not installed
/// is named. A first round, for all, is not counted.
/// </summary>
internal static class WalPeers
{
    private const int LoneAppends = 150;

    private const long Bytes = 256 << 20;

    public static async Task RunAsync(Report report, string folder)
    {
        (string Name, Func<Task<IPeer?>> Start)[] known =
        [
            ("PostgreSQL (Debian: postgresql)", async () => await PostgresPeer.TryStartAsync(Path.Combine(folder, "postgres"))),
            ("Redis (Debian: redis-server)", async () => await RedisPeer.TryStartAsync(Path.Combine(folder, "redis"))),
            ("etcd (Debian: etcd-server)", async () => await EtcdPeer.TryStartAsync(Path.Combine(folder, "etcd"))),
        ];
        List<IPeer> peers = [];
        try
        {
            foreach (var (name, start) in known)
            {
                if (await start() is { } peer)
                {
                    peers.Add(peer);
                }
                else
                {
                    report.Note($"skipped, not installed: {name}");
                }
            }

            peers.Add(new FasterLogPeer(Directory.CreateDirectory(Path.Combine(folder, "faster")).FullName));
            foreach (var recordBytes in new[] { 1024, 64 * 1024 })
            {
                await MeasureAsync(report, folder, peers, recordBytes);
            }
        }
        finally
        {
            foreach (var peer in peers)
            {
                await peer.DisposeAsync();
            }
        }
    }

    private static async Task MeasureAsync(Report report, string folder, List<IPeer> peers, int recordBytes)
    {
        var (rate, lone) = (new List<double>(), new List<double>());
        var peerRates = peers.ConvertAll(_ => new List<double>());
        var peerLone = peers.ConvertAll(_ => new List<double>());
        for (var round = 0; round <= WalBenchmark.Rounds; round++)
        {
            rate.Add((await WalThroughput.AppendAsync(Path.Combine(folder, "log"), recordBytes, 1, Bytes)).Rate);
            lone.Add(await LoneAsync(Path.Combine(folder, "log"), recordBytes));
            for (var i = 0; i < peers.Count; i++)
            {
                peerRates[i].Add(await peers[i].ThroughputAsync(recordBytes, peers[i].BytesFor(recordBytes)));
                peerLone[i].Add(Bench.Median(await peers[i].LoneAsync(recordBytes, LoneAppends)));
            }
        }

        foreach (var counted in (List<double>[])[rate, lone, .. peerRates, .. peerLone])
        {
            counted.RemoveAt(0); // that was the round in which everything became warm
        }

        for (var i = 0; i < peers.Count; i++)
        {
            report.Add(Measurement.RatioAtLeast($"{recordBytes / 1024} KiB records, durable, beside {peers[i].Name}", Bench.Median(rate), "MB/s", 1, Bench.Median(peerRates[i]), $"{peers[i].Name}, {peers[i].Driving}"));
            report.Add(Measurement.RatioAtMost($"{recordBytes / 1024} KiB lone append p50, beside {peers[i].Name}", Bench.Median(lone), "us", 1, Bench.Median(peerLone[i]), $"{peers[i].Name}, one connection"));
        }
    }

    private static async Task<double> LoneAsync(string folder, int recordBytes)
    {
        await using var log = WalBenchmark.Open(folder);
        var writer = await WalBenchmark.CreateAsync(log, "wal");
        var record = RecordSet.Of(recordBytes, 1)[0];
        var times = await RecordSet.TimesAsync(LoneAppends, async () => await (await writer.EnqueueAsync(record, CancellationToken.None)).Durable);
        await log.DisposeAsync();
        Directory.Delete(folder, recursive: true);
        return Bench.Median(times);
    }
}
