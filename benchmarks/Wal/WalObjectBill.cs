using System.Diagnostics;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Benchmarks.Peers;
using MiniMilvus.Core;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.S3;

namespace MiniMilvus.Benchmarks.Wal;

/// <summary>What a steady trickle costs on object storage under both rate policies: requests, mean object, price for a gigabyte.</summary>
internal static class WalObjectBill
{
    private const int RecordBytes = 1024;
    private const int RecordsPerTick = 10;
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan s_time = TimeSpan.FromSeconds(5);

    public static async Task RunAsync(Report report, S3ObjectStore store, BareS3 bare, ObjectStoreTariff tariff)
    {
        foreach (var interval in new[] { TimeSpan.FromMilliseconds(200), TimeSpan.Zero })
        {
            using var counting = new CountingObjectStore(store);
            var records = await TrickleAsync(counting, interval);
            var totals = counting.Totals;
            var name = $"S3, 1 MB/s of 1 KiB records for {s_time.TotalSeconds:N0} s, maxInterval {interval.TotalMilliseconds:N0} ms";
            report.Add(Measurement.Info($"{name}: requests", totals.Requests, "requests", records, "records appended"));
            report.Add(Measurement.Info($"{name}: mean object", totals.PutBytes / 1024.0 / totals.Puts, "KiB"));
            report.Add(Measurement.Info($"{name}: price of requests", (double)tariff.PerGigabytePut(totals)!.Value, "per GB", (double)tariff.Per1000Puts, "price of 1000 puts"));
            await WalObjects.ClearAsync(store, bare);
        }
    }

    private static async Task<int> TrickleAsync(CountingObjectStore store, TimeSpan interval)
    {
        await using var log = WalObjects.Open(store, interval);
        await log.CreateAsync("wal", CancellationToken.None);
        var writer = await log.OpenWriterAsync("wal", new Term(1), CancellationToken.None);
        var entry = RecordSet.Of(RecordBytes, 1)[0];
        var (records, last, began) = (0, Task.CompletedTask, Stopwatch.GetTimestamp());
        while (Stopwatch.GetElapsedTime(began) < s_time)
        {
            // As many as are due by now: a late tick is made up for.
            var due = (int)(Stopwatch.GetElapsedTime(began) / s_tick) * RecordsPerTick;
            for (; records < due; records++)
            {
                last = (await writer.EnqueueAsync(entry, CancellationToken.None)).Durable;
            }

            await Task.Delay(s_tick);
        }

        await last;
        return records;
    }
}
