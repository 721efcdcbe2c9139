using MiniMilvus.Client;

namespace MiniMilvus.EndToEnd;

/// <summary>kill -9 in the middle of things, and what is there afterwards.</summary>
public sealed class KillTests
{
    private const int Rows = 100_000;
    private const int Writers = 4;

    /// <summary>Every row is searched for in a long run; every 20th otherwise.</summary>
    private static int SearchStep => Environment.GetEnvironmentVariable("MINIMILVUS_LONG") == "1" ? 1 : 20;

    [Theory]
    [InlineData(Topology.OneProcess)]
    [InlineData(Topology.FiveProcesses)]
    public async Task After_a_kill_in_the_middle_of_an_insert_every_acked_row_is_found_once(Topology topology)
    {
        using var folder = new DataFolder();
        var ledger = new Ledger("kills");
        await using (var first = await Deployment.StartAsync(topology, folder.Data))
        {
            using var client = first.Connect();
            await ledger.CreateAsync(client);
            Assert.True(await ledger.InsertAsync(client, 0));
            await ledger.DeleteAsync(client, [.. Enumerable.Range(100, 300).Select(i => (long)i)]);
            await InsertUntilKilledAsync(ledger, client, first);
            Assert.InRange(ledger.Acked, 1, Rows - 1);
        }

        await using (var second = await Deployment.StartAsync(topology, folder.Data))
        {
            using var client = second.Connect();
            await Recovery.WaitUntilLoadedAsync(client, "kills", second);
            await ledger.AssertByQueryAsync(client);
            await ledger.AssertBySearchAsync(client, SearchStep);
            Assert.True(await ledger.InsertAsync(client, Rows), "the log takes writes again");
            await ledger.AssertByQueryAsync(client);
        }
    }

    [Theory]
    [InlineData(Topology.OneProcess)]
    [InlineData(Topology.FiveProcesses)]
    public async Task After_a_kill_in_the_middle_of_a_flush_every_acked_row_is_found_once(Topology topology)
    {
        using var folder = new DataFolder();
        var ledger = new Ledger("flushes");
        var next = 0L;
        for (var round = 0; round < 3; round++)
        {
            await using var deployment = await Deployment.StartAsync(topology, folder.Data);
            using var client = deployment.Connect();
            if (round == 0)
            {
                await ledger.CreateAsync(client);
            }
            else
            {
                await Recovery.WaitUntilLoadedAsync(client, "flushes", deployment);
                await ledger.AssertByQueryAsync(client);
                await ledger.AssertBySearchAsync(client, SearchStep);
            }

            for (var batch = 0; batch < 10; batch++, next += Ledger.BatchRows)
            {
                Assert.True(await ledger.InsertAsync(client, next));
            }

            await ledger.DeleteAsync(client, [.. Enumerable.Range(0, 200).Select(i => next - Ledger.BatchRows + i)]);
            var flush = client.GetCollection("flushes").FlushAsync();
            await Task.WhenAny(flush, Task.Delay(TimeSpan.FromMilliseconds(20 * round)));
            await deployment.KillAsync();
            await flush.ContinueWith(t => Assert.True(t.Exception is null || Ledger.IsNoAnswer(t.Exception.InnerException!), $"{t.Exception}"), TaskScheduler.Default);
        }

        await using var last = await Deployment.StartAsync(topology, folder.Data);
        using var reader = last.Connect();
        await Recovery.WaitUntilLoadedAsync(reader, "flushes", last);
        await ledger.AssertByQueryAsync(reader);
        await reader.GetCollection("flushes").FlushAsync();
        await ledger.AssertByQueryAsync(reader);

        // Whatever was flushed once, twice or by half, the files are what the log says.
        var (code, text) = await Verbs.RunAsync("verify", "--data", folder.Data);
        Assert.True(code == 0 && text.Contains("; 0 differ", StringComparison.Ordinal), $"{code}: {text}");
        await ledger.AssertBySearchAsync(reader, SearchStep);
    }

    private static async Task InsertUntilKilledAsync(Ledger ledger, MilvusClient client, Deployment deployment)
    {
        var next = (long)Ledger.BatchRows;
        var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var writers = Enumerable.Range(0, Writers).Select(async _ =>
        {
            while (Interlocked.Add(ref next, Ledger.BatchRows) is var end && end <= Rows && await ledger.InsertAsync(client, end - Ledger.BatchRows))
            {
                if (ledger.Acked >= Rows * 2 / 5)
                {
                    enough.TrySetResult();
                }
            }
        }).ToArray();
        await Task.WhenAny(enough.Task, Task.WhenAll(writers));
        Assert.True(enough.Task.IsCompleted, $"inserts failed before the kill:\n{deployment.Log()}");
        await deployment.KillAsync();
        await Task.WhenAll(writers);
    }
}
