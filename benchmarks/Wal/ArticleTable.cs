using System.Globalization;
using MiniMilvus.Benchmarks.Measuring;

namespace MiniMilvus.Benchmarks.Wal;

/// <summary>
/// The run's figures in the shape in which the article about Woodpecker gives its own: throughput, latency, what the backend does raw, and the
/// share of that. Raw is the best that any bare loop or client did in the run. The article's figures stand beside them; they come from other hardware, so only the shares compare.
/// </summary>
internal static class ArticleTable
{
    private static readonly (string Backend, string Throughput, string? Limit, string Latency, string Published)[] s_rows =
    [
        ("local disk", "local, 64 KiB records, 1 producer: against the best", WalThroughput.LimitName, "local, lone append of 4 KiB, p50", "450 MB/s of 600-750 (60-75 %), 1.8 ms"),
        ("object storage", "S3, 64 KiB records, 1 producer: against the best", null, "S3, lone append of 4 KiB at maxInterval 0, p50", "S3: 750 MB/s of 1.1 GB/s (68 %); MinIO: 71 of 110 MB/s (65 %)"),
    ];

    public static void Add(Report report)
    {
        foreach (var (backend, throughput, limitName, latency, published) in s_rows)
        {
            if (report.Find(throughput) is not { Reference: { } best } rate)
            {
                continue; // that part was not run
            }

            var limit = limitName is null ? best : report.Find(limitName)?.Value ?? best;
            var lone = report.Find(latency) is { } found ? string.Create(CultureInfo.InvariantCulture, $"{found.Value / 1000:0.00} ms") : "not run";
            var text = string.Create(CultureInfo.InvariantCulture, $"| {backend} | {rate.Value:N0} MB/s | {lone} | {limit:N0} MB/s | {rate.Value / limit * 100:N0} % | {published} |");
            if (!report.Noted("| backend |"))
            {
                report.Note("| backend | throughput, 64 KiB records | lone ack p50 | raw limit of this machine | % of the limit | published, other hardware |");
                report.Note("|---|---|---|---|---|---|");
            }

            report.Note(text);
            report.Add(Measurement.Info($"article's table, {backend}: share of the raw limit (lone ack p50 {lone})", rate.Value / limit * 100, "%", limit, $"raw limit in MB/s; published, other hardware: {published}"));
        }
    }
}
