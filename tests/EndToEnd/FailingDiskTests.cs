using System.Diagnostics;
using Grpc.Core;
using MiniMilvus.Client;

namespace MiniMilvus.EndToEnd;

/// <summary>A disk that turns read-only under a running server, as one does whose device fails.</summary>
public sealed class FailingDiskTests
{
    private const long SizeBytes = 256 << 20;
    private const int Batches = 3;
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(60);
    private static readonly string[] s_settings = ["--woodpecker.diskFreeBytesMin", "1000000", "--woodpecker.diskUsedFractionMax", "1", "--woodpecker.diskSlowBytes", "0"];

    [FailingDiskFact]
    public async Task A_disk_that_turns_read_only_under_a_server_loses_nothing_that_was_acked_and_is_named()
    {
        await using var disk = await FailingDisk.MountAsync(SizeBytes);
        var ledger = new Ledger("turns");
        await using (var server = await ServerProcess.StartAsync(disk.Data, s_settings))
        {
            using var client = server.Connect();
            await ledger.CreateAsync(client);
            for (var batch = 0; batch < Batches; batch++)
            {
                Assert.True(await ledger.InsertAsync(client, batch * Ledger.BatchRows));
            }

            await disk.TurnReadOnlyAsync();
            await AnsweredOrEndedAsync(server, () => ledger.AssertByQueryAsync(client)); // reads need nothing of the disk that is not open
            await AnsweredOrEndedAsync(server, () => AssertRefusedAsync(client, ledger, disk));

            // Its metadata lie there too, and without a new term no channel opens again.
            Assert.Equal(1, await server.EndedAsync());
            Assert.Contains(server.LogLines, l => l.Contains("Read-only file system", StringComparison.Ordinal));
        }

        // Whoever starts it again and again meanwhile is told the same.
        var command = ServerProcess.Command(disk.Data, s_settings);
        var (code, output) = await Tools.RunAsync(s_bound, command[0], command.Skip(1));
        Assert.NotEqual(0, code);
        Assert.Contains(disk.Data, output, StringComparison.Ordinal);
        Assert.Matches("(?i)read-only file system", output);

        await disk.MountAgainAsync();
        await using var next = await Deployment.StartAsync(Topology.OneProcess, disk.Data, s_settings);
        using var again = next.Connect();
        await Recovery.WaitUntilLoadedAsync(again, ledger.Collection, next);
        await ledger.AssertByQueryAsync(again);
        Assert.True(await ledger.InsertAsync(again, Batches * Ledger.BatchRows));
        await ledger.AssertByQueryAsync(again);
        await next.StopAsync();
    }

    /// <summary>Metadata may want the disk at any moment: then the server ends, and no answer comes. From one that goes on an answer is due.</summary>
    private static async Task AnsweredOrEndedAsync(ServerProcess server, Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (Exception e) when (e is RpcException or MilvusException)
        {
            await server.EndedAsync();
        }
    }

    private static async Task AssertRefusedAsync(MilvusClient client, Ledger ledger, FailingDisk disk)
    {
        for (var since = Stopwatch.StartNew(); ;)
        {
            try
            {
                await client.GetCollection(ledger.Collection).InsertAsync([FieldData.Create<long>("id", [-1]), FieldData.CreateFloatVector("vector", Ledger.VectorOf(-1), Ledger.Dimension)]);
            }
            catch (MilvusException e)
            {
                Assert.True(e.IsRetriable, e.Message);
                Assert.Matches("(?i)log '.*read-only file system", e.Message);
                Assert.Contains(disk.Data, e.Message, StringComparison.Ordinal);
                return;
            }

            Assert.True(since.Elapsed < s_bound, "the disk is read-only, and writes are taken");
        }
    }
}
