using System.Globalization;
using System.Text.RegularExpressions;
using MiniMilvus.Benchmarks.Measuring;

namespace MiniMilvus.Benchmarks.Peers;

/// <summary>
/// Clusters that the user runs, driven by their own tools: <c>--peer kafka=HOST:PORT</c> by kafka-producer-perf-test, <c>--peer pulsar=HOST:PORT</c>
/// by pulsar-perf. What durability they ack with is what their brokers are set to (Kafka flushes before an ack only with flush.messages=1).
/// </summary>
internal static partial class ToolPeers
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    public static async Task RunAsync(Report report, string peer)
    {
        var (name, address) = peer.Split('=', 2) is [var n, var a] && a.Contains(':', StringComparison.Ordinal) ? (n, a) : ("", "");
        foreach (var recordBytes in new[] { 1024, 64 * 1024 })
        {
            var records = 256_000_000 / recordBytes;
            var printed = name switch
            {
                "kafka" => await PeerProcess.RunAsync(
                    s_limit, Tool("kafka-producer-perf-test", "kafka-producer-perf-test.sh"), "--topic", $"minimilvus-bench-{recordBytes}", "--num-records", $"{records}", "--record-size", $"{recordBytes}",
                    "--throughput", "-1", "--producer-props", $"bootstrap.servers={address}", "acks=all", "batch.size=1048576", "linger.ms=1"),
                "pulsar" => await PeerProcess.RunAsync(
                    s_limit, Tool("pulsar-perf"), "produce", $"persistent://public/default/minimilvus-bench-{recordBytes}", "-u", $"pulsar://{address}", "-m", $"{records}", "-s", $"{recordBytes}", "-r", "1000000"),
                _ => throw new ArgumentException($"--peer: expected kafka=HOST:PORT or pulsar=HOST:PORT, found '{peer}'"),
            };
            var rate = name == "kafka" ? KafkaRate(printed) : PulsarRate(printed);
            report.Add(Measurement.Info($"{name} at {address}, {recordBytes / 1024} KiB records, by its own tool", rate, "MB/s"));
        }
    }

    /// <summary>"… 12345.6 records/sec (12.06 MB/sec), …", where a MB is 2^20 bytes; the last line is the total.</summary>
    public static double KafkaRate(string printed) => Last(KafkaLine(), printed, "kafka-producer-perf-test") * 1.048576;

    /// <summary>"… Throughput produced: … msg --- 12345.6 msg/s --- 98.7 Mbit/s …": the best of its lines, for the last may cover an idle moment.</summary>
    public static double PulsarRate(string printed)
    {
        var rates = PulsarLine().Matches(printed).Select(m => double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture) / 8).ToList();
        return rates.Count > 0 ? rates.Max() : throw new FormatException($"pulsar-perf: expected a line with Mbit/s, found: {printed}");
    }

    private static double Last(Regex line, string printed, string tool) => line.Matches(printed) is { Count: > 0 } found
        ? double.Parse(found[^1].Groups[1].Value, CultureInfo.InvariantCulture)
        : throw new FormatException($"{tool}: expected a line with MB/sec, found: {printed}");

    private static string Tool(params string[] names) => names.Select(n => PeerProcess.Find(n)).FirstOrDefault(f => f is not null)
        ?? throw new FileNotFoundException($"expected {string.Join(" or ", names)} in PATH, found none: it comes with the peer");

    [GeneratedRegex(@"\(([\d.]+) MB/sec\)")]
    private static partial Regex KafkaLine();

    [GeneratedRegex(@"([\d.]+)\s+Mbit/s")]
    private static partial Regex PulsarLine();
}
