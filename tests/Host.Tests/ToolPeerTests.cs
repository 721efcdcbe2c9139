using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Benchmarks.Peers;
using MiniMilvus.Conformance.Support;

namespace MiniMilvus.Host.Tests;

/// <summary>benchmarks --peer: what the tools of Kafka and Pulsar are asked, and what is read from their documented output.</summary>
public sealed class ToolPeerTests : IDisposable
{
    private const string Kafka = """
        201488 records sent, 402975.2 records/sec (38.43 MB/sec), 11.2 ms avg latency, 297.0 ms max latency.
        250000 records sent, 821557.664520 records/sec (78.35 MB/sec), 7.73 ms avg latency, 377.00 ms max latency, 3 ms 50th, 29 ms 95th, 92 ms 99th, 98 ms 99.9th.
        """;

    private const string Pulsar = """
        2022-04-12T10:01:15,012+0800 [main] INFO  org.apache.pulsar.testclient.PerformanceProducer - Throughput produced:  150000 msg ---  15000.0 msg/s ---    122.9 Mbit/s --- failure      0.0 msg/s --- Latency: mean:   2.518 ms - med:   2.110 - 95pct:   4.008
        2022-04-12T10:01:25,011+0800 [main] INFO  org.apache.pulsar.testclient.PerformanceProducer - Throughput produced:  250000 msg ---  10000.0 msg/s ---     81.9 Mbit/s --- failure      0.0 msg/s --- Latency: mean:   2.201 ms - med:   2.050 - 95pct:   3.001
        2022-04-12T10:01:27,412+0800 [Thread-0] INFO  org.apache.pulsar.testclient.PerformanceProducer - Aggregated throughput stats --- 250000 records sent --- 11200.0 msg/s --- 91.8 Mbit/s
        """;

    private readonly TemporaryFolder _folder = new(isUnderTest: false);

    public ToolPeerTests() => Environment.SetEnvironmentVariable("PATH", $"{_folder.Path}:{Environment.GetEnvironmentVariable("PATH")}");

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("PATH", Environment.GetEnvironmentVariable("PATH")!.Replace($"{_folder.Path}:", "", StringComparison.Ordinal));
        _folder.Delete();
    }

    [Fact]
    public void The_rates_are_read_from_the_documented_lines()
    {
        Assert.Equal(78.35 * 1.048576, ToolPeers.KafkaRate(Kafka), 6);
        Assert.Equal(122.9 / 8, ToolPeers.PulsarRate(Pulsar), 6);
    }

    [Fact]
    public void Output_without_a_rate_is_an_error_that_shows_it()
    {
        Assert.Contains("no brokers", Assert.Throws<FormatException>(() => ToolPeers.KafkaRate("no brokers")).Message, StringComparison.Ordinal);
        Assert.Contains("no brokers", Assert.Throws<FormatException>(() => ToolPeers.PulsarRate("no brokers")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kafka-producer-perf-test")]
    [InlineData("kafka-producer-perf-test.sh")]
    public async Task Kafkas_tool_is_asked_for_acks_of_all_replicas(string tool)
    {
        var asked = await RunAsync(tool, Kafka, "kafka=broker:9092");
        Assert.Equal(
        [
            "--topic minimilvus-bench-1024 --num-records 250000 --record-size 1024 --throughput -1 --producer-props bootstrap.servers=broker:9092 acks=all batch.size=1048576 linger.ms=1",
            "--topic minimilvus-bench-65536 --num-records 3906 --record-size 65536 --throughput -1 --producer-props bootstrap.servers=broker:9092 acks=all batch.size=1048576 linger.ms=1",
        ], asked);
    }

    [Fact]
    public async Task Pulsars_tool_is_asked_for_as_much_as_it_can()
    {
        var asked = await RunAsync("pulsar-perf", Pulsar, "pulsar=broker:6650");
        Assert.Equal(
        [
            "produce persistent://public/default/minimilvus-bench-1024 -u pulsar://broker:6650 -m 250000 -s 1024 -r 1000000",
            "produce persistent://public/default/minimilvus-bench-65536 -u pulsar://broker:6650 -m 3906 -s 65536 -r 1000000",
        ], asked);
    }

    [Theory]
    [InlineData("rabbit=broker:5672")]
    [InlineData("kafka")]
    [InlineData("kafka=broker")]
    public async Task Another_peer_is_refused_by_name(string peer) =>
        Assert.Contains($"found '{peer}'", (await Assert.ThrowsAsync<ArgumentException>(() => ToolPeers.RunAsync(new Report(isJson: false), peer))).Message, StringComparison.Ordinal);

    /// <returns>The arguments of each call of the tool, which prints what it is given to print.</returns>
    private async Task<string[]> RunAsync(string tool, string prints, string peer)
    {
        var (script, asked, output) = (Path.Combine(_folder.Path, tool), Path.Combine(_folder.Path, "asked"), Path.Combine(_folder.Path, "output"));
        await File.WriteAllTextAsync(output, prints);
        await File.WriteAllTextAsync(script, $"#!/bin/sh\necho \"$*\" >> '{asked}'\ncat '{output}'\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        var report = new Report(isJson: false);
        await ToolPeers.RunAsync(report, peer);
        var name = peer.Replace("=", " at ", StringComparison.Ordinal);
        foreach (var size in new[] { "1", "64" })
        {
            Assert.NotNull(report.Find($"{name}, {size} KiB records, by its own tool"));
        }

        return await File.ReadAllLinesAsync(asked);
    }
}
