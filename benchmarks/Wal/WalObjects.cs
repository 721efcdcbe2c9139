using System.Diagnostics;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Benchmarks.Peers;
using MiniMilvus.Conformance.S3;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.S3;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Benchmarks.Wal;

/// <summary>The log on object storage: a radosgw that keeps its objects in memory, on the same two cores, beside AWSSDK.S3 alone on the same server.</summary>
internal static class WalObjects
{
    private const long Bytes = 128L << 20;
    private const long GridBytes = 64L << 20;
    private const int LoneAppends = 100;
    private const int LoneBytes = 4096;
    private static readonly (int KiB, int Parallel)[] s_grid = [.. from k in (int[])[256, 1024, 2048, 4096] from p in (int[])[1, 4, 8, 16, 32] select (k, p)];

    public static async Task RunAsync(Report report, ObjectStoreTariff tariff)
    {
        if (PeerProcess.Find("radosgw") is null)
        {
            report.Note("skipped, not installed: radosgw (Debian: radosgw ceph-mon ceph-osd ceph-common)");
            return;
        }

        await using var server = await Radosgw.StartAsync();
        using var store = await S3ObjectStore.OpenAsync(server.Options, TimeProvider.System, CancellationToken.None);
        using var bare = new BareS3(server.Options);
        await AppendAsync(store, bare, 64 * 1024, isPlainFirst: true); // compiles what the rounds run
        await ThroughputAsync(report, store, bare, 1024);
        await ThroughputAsync(report, store, bare, 64 * 1024);
        await LatencyAsync(report, store, bare);
        await WalObjectBill.RunAsync(report, store, bare, tariff);
    }

    public static ObjectWoodpecker Open(IObjectStore store, TimeSpan interval) => new(
        store, new MemoryMetaStore(TimeProvider.System), new WoodpeckerOptions { SyncIntervalMax = interval }, TimeProvider.System, NoStations.Instance, "benchmark");

    private static async Task ThroughputAsync(Report report, S3ObjectStore store, BareS3 bare, int recordBytes)
    {
        var (ours, same, best, read, plain) = (new List<double>(), new List<double>(), new List<double>(), new List<double>(), new List<double>());
        var parallel = new WoodpeckerOptions().ObjectGroupsInFlightMax * (new WoodpeckerOptions().GroupBytesMax / new WoodpeckerOptions().BlockBytesMax);
        var tried = s_grid;
        var made = 0;
        for (var round = 0; round < WalBenchmark.Rounds; round++)
        {
            var run = await AppendAsync(store, bare, recordBytes, isPlainFirst: round % 2 == 1);
            ours.Add(run.Rate);
            read.Add(run.ReadRate);
            plain.Add(run.PlainRate);
            made = run.Sizes.Count;
            same.Add(await bare.PutAsync(run.Sizes, parallel));
            var grid = new List<(double Rate, (int, int) At)>();
            foreach (var (kib, many) in tried)
            {
                grid.Add((await bare.PutAsync([.. Enumerable.Repeat(kib * 1024, (int)(GridBytes / (kib * 1024)))], many), (kib, many)));
            }

            best.Add(grid.Max(g => g.Rate));
            tried = [.. grid.OrderByDescending(g => g.Rate).Take(4).Select(g => g.At)]; // the rest of the grid is worse by far
        }

        var name = $"S3, {recordBytes / 1024} KiB records, 1 producer";
        report.Add(Measurement.RatioAtLeast($"{name}: acked", Bench.Median(ours), "MB/s", 0.9, Bench.Median(same), $"AWSSDK alone, the same {made} objects, {parallel} at a time"));
        report.Add(Measurement.RatioAtLeast($"{name}: against the best", Bench.Median(ours), "MB/s", 0.8, Bench.Median(best), $"AWSSDK alone, best of objects of 256 KiB to 4 MiB, 1 to 32 at a time (last: {tried[0].KiB} KiB, {tried[0].Parallel})"));
        report.Add(Measurement.RatioAtLeast($"S3, {recordBytes / 1024} KiB records: catch-up read, verified", Bench.Median(read), "MB/s", 0.8, Bench.Median(plain), "AWSSDK alone, the same objects, 8 gets at a time"));
    }

    private static async Task<(double Rate, List<int> Sizes, double ReadRate, double PlainRate)> AppendAsync(
        S3ObjectStore store, BareS3 bare, int recordBytes, bool isPlainFirst)
    {
        var entry = RecordSet.Of(recordBytes, 1)[0];
        var objects = new List<(string Key, long Bytes)>();
        double rate, readRate, plain;
        await using (var log = Open(store, TimeSpan.Zero))
        {
            await log.CreateAsync("wal", CancellationToken.None);
            var writer = await log.OpenWriterAsync("wal", new Term(1), CancellationToken.None);
            var last = default(PendingAppend);
            var began = Stopwatch.GetTimestamp();
            for (var i = 0; i < Bytes / recordBytes; i++)
            {
                last = await writer.EnqueueAsync(entry, CancellationToken.None);
            }

            await last.Durable;
            rate = Bytes / 1e6 / Stopwatch.GetElapsedTime(began).TotalSeconds;
            var confirmed = writer.Confirmed;
            await foreach (var found in store.ListAsync("logs/wal/", CancellationToken.None))
            {
                objects.Add((found.Key, found.Bytes));
            }

            // Who reads first takes the memory from the system, and the other finds it there: they take turns.
            plain = isPlainFirst ? await bare.GetAsync(objects, 8) : 0;
            long read = 0;
            began = Stopwatch.GetTimestamp();
            await foreach (var found in log.ReadAsync("wal", LogPosition.Beginning, confirmed, CancellationToken.None))
            {
                read += found.Bytes.Length;
            }

            readRate = read / 1e6 / Stopwatch.GetElapsedTime(began).TotalSeconds;
            if (read != Bytes)
            {
                throw new InvalidOperationException($"expected {Bytes} bytes in the log, found {read}");
            }
        }

        plain = isPlainFirst ? plain : await bare.GetAsync(objects, 8);
        await ClearAsync(store, bare);
        return (rate, objects.ConvertAll(o => (int)o.Bytes), readRate, plain);
    }

    private static async Task LatencyAsync(Report report, S3ObjectStore store, BareS3 bare)
    {
        var (ours, put) = (new List<double>(), new List<double>());
        await using (var log = Open(store, TimeSpan.Zero))
        {
            await log.CreateAsync("wal", CancellationToken.None);
            var writer = await log.OpenWriterAsync("wal", new Term(1), CancellationToken.None);
            var entry = RecordSet.Of(LoneBytes, 1)[0];
            for (var round = 0; round < WalBenchmark.Rounds; round++)
            {
                ours.Add(Bench.Median(await RecordSet.TimesAsync(LoneAppends, async () => await (await writer.EnqueueAsync(entry, CancellationToken.None)).Durable)));
                put.Add(Bench.Median(await bare.LoneAsync(LoneBytes, LoneAppends)));
            }
        }

        await ClearAsync(store, bare);
        report.Add(Measurement.RatioAtMost("S3, lone append of 4 KiB at maxInterval 0, p50", Bench.Median(ours), "us", 1.2, Bench.Median(put), "AWSSDK alone, one put of 4 KiB, p50"));
    }

    /// <summary>The server keeps everything in memory: what was measured goes.</summary>
    public static async Task ClearAsync(S3ObjectStore store, BareS3 bare)
    {
        var keys = new List<string>();
        await foreach (var found in store.ListAsync("", CancellationToken.None))
        {
            keys.Add(found.Key);
        }

        await bare.DeleteAsync(keys);
    }
}
