using System.Globalization;
using MiniMilvus.Benchmarks.Freshness;
using MiniMilvus.Benchmarks.IndexAlone;
using MiniMilvus.Benchmarks.Ingest;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Benchmarks.Search;
using MiniMilvus.Benchmarks.Ticks;
using MiniMilvus.Benchmarks.Wal;

// dotnet run -c Release --project benchmarks -- ingest|search|freshness|ticks|index [rows]|wal [throughput|latency|reading|logs] [--json]
var report = new Report(args.Contains("--json"));
switch (args.FirstOrDefault())
{
    case "ingest": await IngestBenchmark.RunAsync(report); break;
    case "search": await SearchBenchmark.RunAsync(report); break;
    case "freshness": await FreshnessBenchmark.RunAsync(report); break;
    case "ticks": await TicksBenchmark.RunAsync(report); break;
    case "index": IndexBenchmark.Run(report, int.Parse(args.Skip(1).FirstOrDefault(a => a[0] != '-') ?? "100000", CultureInfo.InvariantCulture)); break;
    case "wal": await WalBenchmark.RunAsync(report, args.Skip(1).FirstOrDefault(a => a[0] != '-')); break;
    default:
        Console.Error.WriteLine($"expected one of ingest, search, freshness, ticks, index, wal; found '{args.FirstOrDefault()}'");
        return 2;
}

report.Print();
return report.Holds ? 0 : 1;
