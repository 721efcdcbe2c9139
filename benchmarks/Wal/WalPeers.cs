using System.Diagnostics;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Benchmarks.Peers;
using MiniMilvus.Core;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Benchmarks.Wal;

/// <summary>
/// Other systems that keep what they ack, on the same disk in the same run, each driven the way it likes best. They answer over loopback
/// from a process of their own; the log is called in this process, which is how its owner uses it. One that is not installed is named.
/// </summary>
internal static class WalPeers
{
    private const int LoneAppends = 150;

    /// <summary>Theirs take a second or so each; ours is given more, or it would be over before it has begun.</summary>
    private static readonly (int RecordBytes, long Theirs, long Ours)[] s_sizes = [(1024, 16 << 20, 256 << 20), (64 * 1024, 64 << 20, 256 << 20)];

    public static async Task RunAsync(Report report, string folder)
    {
        (string Name, Func<Task<IPeer?>> Start)[] known =
        [
            ("PostgreSQL (Debian: postgresql)", async () => await PostgresPeer.TryStartAsync(Path.Combine(folder, "postgres"))),
            ("Redis (Debian: redis-server)", async () => await RedisPeer.TryStartAsync(Path.Combine(folder, "redis"))),
            ("etcd (Debian: etcd-server)", async () => await EtcdPeer.TryStartAsync(Path.Combine(folder, "etcd"))),
        ];
        var peers = new List<IPeer>();
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

            report.Note("skipped, its package does not restore: FasterLog (Microsoft.FASTER.Core)");
            foreach (var (recordBytes, theirs, ours) in s_sizes)
            {
                await MeasureAsync(report, folder, peers, recordBytes, theirs, ours);
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

    private static async Task MeasureAsync(Report report, string folder, List<IPeer> peers, int recordBytes, long theirs, long ours)
    {
        var (rate, lone) = (new List<double>(), new List<double>());
        var peerRates = peers.ConvertAll(_ => new List<double>());
        var peerLone = peers.ConvertAll(_ => new List<double>());
        for (var round = 0; round < WalBenchmark.Rounds; round++)
        {
            rate.Add((await WalThroughput.AppendAsync(Path.Combine(folder, "log"), recordBytes, 1, ours)).Rate);
            lone.Add(await LoneAsync(Path.Combine(folder, "log"), recordBytes));
            for (var i = 0; i < peers.Count; i++)
            {
                peerRates[i].Add(await peers[i].ThroughputAsync(recordBytes, theirs));
                peerLone[i].Add(Bench.Median(await peers[i].LoneAsync(recordBytes, LoneAppends)));
            }
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
