using System.Diagnostics;
using MiniMilvus.Client;

namespace MiniMilvus.EndToEnd;

/// <summary>Who owns a data folder, and how a server goes and comes back.</summary>
public sealed class FolderTests
{
    [Fact]
    public async Task A_second_process_on_the_same_folder_refuses_and_says_why()
    {
        using var folder = new DataFolder();
        await using var first = await ServerProcess.StartAsync(folder.Data);
        var command = ServerProcess.Command(folder.Data);
        var (code, output) = await Tools.RunAsync(TimeSpan.FromSeconds(60), command[0], command.Skip(1));
        Assert.NotEqual(0, code);
        Assert.Contains(folder.Data, output, StringComparison.Ordinal);
        Assert.Matches("(?i)another process|already|in use|locked|owned", output);
        Assert.DoesNotContain("Unhandled exception", output, StringComparison.Ordinal);
        using var client = first.Connect();
        Assert.Equal("v2.6.4", await client.GetVersionAsync());
        Assert.Equal(0, await first.StopAsync());
    }

    [Fact]
    public async Task SIGTERM_ends_the_server_with_0_and_nothing_is_lost()
    {
        using var folder = new DataFolder();
        var ledger = new Ledger("stops");
        await using (var first = await ServerProcess.StartAsync(folder.Data))
        {
            using var client = first.Connect();
            await ledger.CreateAsync(client);
            Assert.True(await ledger.InsertAsync(client, 0));
            Assert.Equal(0, await first.StopAsync());
            Assert.Empty(first.Complaints());
        }

        await using var second = await Deployment.StartAsync(Topology.OneProcess, folder.Data);
        using var again = second.Connect();
        await Recovery.WaitUntilLoadedAsync(again, "stops", second);
        await ledger.AssertByQueryAsync(again);
        await second.StopAsync();
    }

    [Fact]
    public async Task A_restart_after_a_kill_does_not_wait_for_its_own_lease()
    {
        using var folder = new DataFolder();
        var ledger = new Ledger("leases");
        await using (var first = await ServerProcess.StartAsync(folder.Data))
        {
            using var client = first.Connect();
            await ledger.CreateAsync(client);
            Assert.True(await ledger.InsertAsync(client, 0));
            await first.KillAsync();
        }

        var since = Stopwatch.StartNew();
        await using var second = await Deployment.StartAsync(Topology.OneProcess, folder.Data);
        using var again = second.Connect();
        await Recovery.WaitUntilLoadedAsync(again, "leases", second);
        Assert.True(await ledger.InsertAsync(again, Ledger.BatchRows));
        var took = since.Elapsed;
        await ledger.AssertByQueryAsync(again);
        Assert.True(took < TimeSpan.FromSeconds(8), $"{took} from the start to the first answered read and write:\n{second.Log()}");
    }

    [Fact]
    public async Task Health_and_metrics_answer_on_the_other_port()
    {
        using var folder = new DataFolder();
        await using var server = await ServerProcess.StartAsync(folder.Data);
        using var http = new HttpClient { BaseAddress = new Uri($"http://{server.HttpAddress}"), Timeout = TimeSpan.FromSeconds(10) };
        Assert.Equal("OK", (await http.GetStringAsync("/healthz")).Trim());
        Assert.Contains("milvus_", await http.GetStringAsync("/metrics"), StringComparison.Ordinal);
        Assert.Equal(0, await server.StopAsync());
    }

    [Theory]
    [InlineData("--grpc-port", "70000", "GrpcPort", "0 to 65535")]
    [InlineData("--roles", "astronaut", "Roles", "one of None, Coordinator, StreamingNode, QueryNode, DataNode, Proxy, All")]
    [InlineData("--log-level", "loud", "LogLevel", "one of Trace, Debug, Information, Warning, Error, Critical, None")]
    [InlineData("--woodpecker.queueBytesMax", "0", "Woodpecker:QueueBytesMax", "1 to 1099511627776")]
    [InlineData("--woodpecker.preallocateBytesFirst", "1000000000", "Woodpecker:PreallocateBytesFirst", "at most the 16777216 of PreallocateBytesMax")]
    public async Task A_bad_setting_stops_the_start_with_its_name_its_value_and_its_bounds(string option, string value, string key, string bounds)
    {
        using var folder = new DataFolder();
        var (code, output) = await Tools.RunAsync(TimeSpan.FromSeconds(60), "dotnet", [ServerProcess.Executable, "run", "--data", folder.Data, option, value]);
        Assert.Equal(2, code);
        Assert.Contains($"setting {key} (command line): expected {bounds}, found '{value}'", output, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled exception", output, StringComparison.Ordinal);
    }
}
