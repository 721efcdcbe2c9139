using System.Diagnostics;
using MiniMilvus.Client;

namespace MiniMilvus.EndToEnd;

/// <summary>
/// A disk that is full or takes no writes: an error that names it, and nothing lost. On a small file system of the test's own where one may be
/// mounted; elsewhere the server is told that the disk has less room than it needs, and the folder is made read-only.
/// </summary>
public sealed class DiskTests
{
    private const int SizeBytes = 192 << 20;
    private const int FreeBytesMin = 32 << 20;
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(60);
    private static readonly string[] s_settings =
    [
        "--woodpecker.diskFreeBytesMin", $"{FreeBytesMin}", "--woodpecker.diskUsedFractionMax", "1", "--woodpecker.diskSlowBytes", "0", "--woodpecker.diskSpaceLookInterval", "00:00:00.050",
        "--proxy.appendTimeout", "00:00:02",
    ];

    [Fact]
    public async Task A_full_disk_refuses_writes_retriably_and_takes_them_again_when_there_is_room()
    {
        await using var disk = await SmallDisk.MountAsync(SizeBytes);
        var ledger = new Ledger("fills");
        await using (var server = await ServerProcess.StartAsync(disk.Data, s_settings))
        {
            using var client = server.Connect();
            await ledger.CreateAsync(client);
            Assert.True(await ledger.InsertAsync(client, 0));
            if (disk.IsMounted)
            {
                disk.Fill(FreeBytesMin / 2);
                await AssertRefusedAsync(client, ledger, disk);
                await AssertRefusedAsync(client, ledger, disk); // and still the same writer: a refusal costs nobody the role
                disk.Empty();
                await InsertUntilTakenAsync(client, ledger, Ledger.BatchRows);
                await ledger.AssertByQueryAsync(client);
            }

            Assert.Equal(0, await server.StopAsync());
        }

        if (!disk.IsMounted)
        {
            var command = ServerProcess.Command(disk.Data, "--woodpecker.diskFreeBytesMin", $"{1L << 48}");
            var e = await Assert.ThrowsAsync<TimeoutException>(() => Tools.RunAsync(TimeSpan.FromSeconds(15), command[0], command.Skip(1)));
            Assert.Contains("the log's disk is nearly full", e.Message, StringComparison.Ordinal); // it waits for room, and says so
        }

        await AssertAllThereAsync(disk, ledger);
    }

    [Fact]
    public async Task A_read_only_disk_stops_the_start_with_its_name_and_loses_nothing()
    {
        await using var disk = await SmallDisk.MountAsync(SizeBytes);
        var ledger = new Ledger("reads");
        await using (var server = await ServerProcess.StartAsync(disk.Data, s_settings))
        {
            using var client = server.Connect();
            await ledger.CreateAsync(client);
            Assert.True(await ledger.InsertAsync(client, 0));
            Assert.Equal(0, await server.StopAsync());
        }

        await disk.SetReadOnlyAsync(true);
        var command = ServerProcess.Command(disk.Data, s_settings);
        var (code, output) = await Tools.RunAsync(s_bound, command[0], command.Skip(1));
        await disk.SetReadOnlyAsync(false);
        Assert.NotEqual(0, code);
        Assert.Contains(disk.Data, output, StringComparison.Ordinal);
        Assert.Matches("(?i)read-only file system|permission denied|access to the path", output);
        Assert.DoesNotContain("Unhandled exception", output, StringComparison.Ordinal);
        await AssertAllThereAsync(disk, ledger);
    }

    private static async Task AssertRefusedAsync(MilvusClient client, Ledger ledger, SmallDisk disk)
    {
        for (var since = Stopwatch.StartNew(); ;)
        {
            try
            {
                await client.GetCollection(ledger.Collection).InsertAsync([FieldData.Create<long>("id", [-1]), FieldData.CreateFloatVector("vector", Ledger.VectorOf(-1), Ledger.Dimension)]);
                await client.GetCollection(ledger.Collection).DeleteAsync("id in [-1]");
            }
            catch (MilvusException e)
            {
                Assert.True(e.IsRetriable, e.Message);
                Assert.Contains("the log's disk is nearly full", e.Message, StringComparison.Ordinal);
                return;
            }

            Assert.True(since.Elapsed < s_bound, $"{disk.Data} has less than {FreeBytesMin} bytes free, and writes are taken");
        }
    }

    private static async Task InsertUntilTakenAsync(MilvusClient client, Ledger ledger, long first)
    {
        for (var since = Stopwatch.StartNew(); !await ledger.InsertAsync(client, first); first += Ledger.BatchRows)
        {
            Assert.True(since.Elapsed < s_bound, "there is room again, and writes are refused");
        }
    }

    private static async Task AssertAllThereAsync(SmallDisk disk, Ledger ledger)
    {
        await using var server = await Deployment.StartAsync(Topology.OneProcess, disk.Data, s_settings);
        using var client = server.Connect();
        await Recovery.WaitUntilLoadedAsync(client, ledger.Collection, server);
        await ledger.AssertByQueryAsync(client);
        await server.StopAsync();
    }
}
