using System.Globalization;
using MiniMilvus.Benchmarks.Freshness;
using MiniMilvus.Benchmarks.IndexAlone;
using MiniMilvus.Benchmarks.Ingest;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Benchmarks.Search;
using MiniMilvus.Benchmarks.Ticks;
using MiniMilvus.Benchmarks.Wal;

// dotnet run -c Release --project benchmarks -- ingest|search|freshness|ticks|index [rows]|wal [throughput|callers|latency|reading|logs|peers] [--peers] [--peer kafka=HOST:PORT] [--peer pulsar=HOST:PORT] [--json]
var report = new Report(args.Contains("--json"));
try
{
    switch (args.FirstOrDefault())
    {
        case "ingest": await IngestBenchmark.RunAsync(report); break;
        case "search": await SearchBenchmark.RunAsync(report); break;
        case "freshness": await FreshnessBenchmark.RunAsync(report); break;
        case "ticks": await TicksBenchmark.RunAsync(report); break;
        case "index": IndexBenchmark.Run(report, int.Parse(args.Skip(1).FirstOrDefault(a => a[0] != '-') ?? "100000", CultureInfo.InvariantCulture)); break;
        case "wal": await WalBenchmark.RunAsync(report, WalPart(args), args.Contains("--peers"), Values(args, "--peer")); break;
        default:
            Console.Error.WriteLine($"expected one of ingest, search, freshness, ticks, index, wal; found '{args.FirstOrDefault()}'");
            return 2;
    }
}
catch (Exception e) when (e is ArgumentException or FileNotFoundException)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

report.Print();
return report.Holds ? 0 : 1;

static string? WalPart(string[] args) => args.Skip(1).Where((a, i) => a[0] != '-' && args[i] != "--peer").FirstOrDefault();

static List<string> Values(string[] args, string option) => [.. args.Zip(args.Skip(1)).Where(p => p.First == option).Select(p => p.Second)];
