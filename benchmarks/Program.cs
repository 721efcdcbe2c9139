using System.Globalization;
using MiniMilvus.Benchmarks.Freshness;
using MiniMilvus.Benchmarks.IndexAlone;
using MiniMilvus.Benchmarks.Ingest;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Benchmarks.Recover;
using MiniMilvus.Benchmarks.Search;
using MiniMilvus.Benchmarks.Streaming;
using MiniMilvus.Benchmarks.Ticks;
using MiniMilvus.Benchmarks.VectorPeers;
using MiniMilvus.Benchmarks.Wal;
using MiniMilvus.Storage.Objects;

// dotnet run -c Release --project benchmarks -- ingest|search [rows]|freshness|ticks|index [rows]|filters|vectors [rows]|recover [rows …]|streaming [minutes]|wal [throughput|callers|latency|reading|logs|s3|peers] [--peers] [--peer kafka=HOST:PORT] [--peer pulsar=HOST:PORT] [--json]
//   --per1000Puts 0.005 --per1000Gets 0.0004: the tariff of the part s3
var report = new Report(args.Contains("--json"));
try
{
    switch (args.FirstOrDefault())
    {
        case "ingest": await IngestBenchmark.RunAsync(report); break;
        case "search": await SearchBenchmark.RunAsync(report, Rows(args)); break;
        case "freshness": await FreshnessBenchmark.RunAsync(report); break;
        case "ticks": await TicksBenchmark.RunAsync(report); break;
        case "index": await IndexBenchmark.RunAsync(report, Rows(args)); break;
        case "vectors": await VectorPeersBenchmark.RunAsync(report, Rows(args)); break;
        case "filters": FilterSweep.Run(report); break;
        case "recover": await RecoverBenchmark.RunAsync(report, Sizes(args)); break;
        case "streaming": await StreamingBenchmark.RunAsync(report, TimeSpan.FromMinutes(Number(args, 10))); break;
        case "wal": await WalBenchmark.RunAsync(report, WalPart(args), args.Contains("--peers"), Values(args, "--peer"), Tariff(args)); break;
        default:
            Console.Error.WriteLine($"expected one of ingest, search, freshness, ticks, index, filters, vectors, recover, streaming, wal; found '{args.FirstOrDefault()}'");
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

static string? WalPart(string[] args) => args.Skip(1).Where((a, i) => a[0] != '-' && (args[i][0] != '-' || args[i] is "--json" or "--peers")).FirstOrDefault();

static double Number(string[] args, double usual) => double.Parse(args.Skip(1).FirstOrDefault(a => a[0] != '-') ?? usual.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

static int Rows(string[] args) => int.Parse(args.Skip(1).FirstOrDefault(a => a[0] != '-') ?? "100000", CultureInfo.InvariantCulture);

static int[] Sizes(string[] args) => args.Skip(1).Where(a => a[0] != '-').Select(a => int.Parse(a, CultureInfo.InvariantCulture)).ToArray() is { Length: > 0 } named ? named : [10_000, 100_000, 500_000];

static List<string> Values(string[] args, string option) => [.. args.Zip(args.Skip(1)).Where(p => p.First == option).Select(p => p.Second)];

static ObjectStoreTariff Tariff(string[] args)
{
    var usual = new ObjectStoreTariff();
    return (usual with { Per1000Puts = Price("--per1000Puts") ?? usual.Per1000Puts, Per1000Gets = Price("--per1000Gets") ?? usual.Per1000Gets }).Validate();

    decimal? Price(string option) => Values(args, option) is [var text, ..]
        ? decimal.TryParse(text, NumberStyles.Number, CultureInfo.InvariantCulture, out var price) ? price : throw new ArgumentException($"{option}: expected a price such as 0.005, found '{text}'")
        : null;
}
