using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Benchmarks.Peers;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Benchmarks.Wal;

/// <summary>The log alone, in process, on a folder: each figure beside a bare loop that moves the same bytes on the same disk in the same run.</summary>
internal static class WalBenchmark
{
    public const int Rounds = 5;

    public static async Task RunAsync(Report report, string? only, bool withPeers, IReadOnlyList<string> peers, ObjectStoreTariff tariff)
    {
        var folder = Bench.NewFolder("wal");
        Directory.CreateDirectory(folder);
        try
        {
            if (only is null or "throughput")
            {
                await WalThroughput.RunAsync(report, folder);
            }

            if (only is null or "callers")
            {
                await WalCallers.RunAsync(report, folder);
            }

            if (only is null or "latency")
            {
                await WalLatency.RunAsync(report, folder);
            }

            if (only is null or "reading")
            {
                await WalReading.RunAsync(report, folder);
            }

            if (only is null or "logs")
            {
                await WalLogs.RunAsync(report, folder);
            }

            if (only is null or "s3")
            {
                await WalObjects.RunAsync(report, tariff);
            }

            if (withPeers || only is "peers")
            {
                await WalPeers.RunAsync(report, folder);
            }

            ArticleTable.Add(report);
            foreach (var peer in peers)
            {
                await ToolPeers.RunAsync(report, peer);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>A log of its own in a folder of its own, on metadata in memory: what is measured is the log.</summary>
    public static LocalWoodpecker Open(string folder, IStationSink? stations = null) =>
        new(new RealDisk(folder), new MemoryMetaStore(TimeProvider.System), new WoodpeckerOptions(), TimeProvider.System, stations ?? NoStations.Instance, "benchmark");

    public static async Task<ILogWriter> CreateAsync(LocalWoodpecker log, string name)
    {
        await log.CreateAsync(name, CancellationToken.None);
        return await log.OpenWriterAsync(name, new Term(1), CancellationToken.None);
    }
}
