using MiniMilvus.Conformance.S3;
using MiniMilvus.Storage.S3;

namespace MiniMilvus.EndToEnd;

/// <summary>A bucket on a server that answers 501 to a conditional put, and a real etcd, whose lock stands in.</summary>
public sealed class LockedStoreTests : IAsyncLifetime
{
    private static readonly string s_condition = S3Profile.Generic.IfAbsent.Key;
    private readonly DataFolder _folder = new(isUnderTest: false);
    private FakeS3 _bucket = null!;
    private ZeroDiskServices _services = null!;

    public async Task InitializeAsync()
    {
        _bucket = await FakeS3.StartAsync();
        _bucket.Conditions[s_condition] = OnCondition.Rejects;
        _services = new ZeroDiskServices(_folder.Data, _bucket);
        await _services.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _services.DisposeAsync();
        await _bucket.DisposeAsync();
        _folder.Dispose();
    }

    [EtcdFact]
    public async Task After_a_kill_every_acked_row_is_found_once_and_a_store_that_changed_its_answer_is_refused()
    {
        var nothing = Path.Combine(_folder.Data, "nothing");
        var ledger = new Ledger("locked");
        await using (var first = await ServerProcess.StartAsync(nothing, _services.Arguments))
        {
            using var client = first.Connect();
            await ledger.CreateAsync(client);
            for (var batch = 0; batch < 6; batch++)
            {
                Assert.True(await ledger.InsertAsync(client, batch * Ledger.BatchRows));
            }

            await client.GetCollection("locked").FlushAsync();
            Assert.True(await ledger.InsertAsync(client, 6 * Ledger.BatchRows));
            await ledger.DeleteAsync(client, [.. Enumerable.Range(100, 300).Select(i => (long)i)]);
            await first.KillAsync();
        }

        await using (var second = await ServerProcess.StartAsync(nothing, _services.Arguments))
        {
            using var client = second.Connect();
            await ledger.AssertByQueryAsync(client);
            await ledger.AssertBySearchAsync(client, step: 50);
            Assert.True(await ledger.InsertAsync(client, 7 * Ledger.BatchRows), "the log takes writes again");
            await ledger.AssertByQueryAsync(client);

            var (verified, report) = await Verbs.RunAsync(["verify", .. _services.Arguments]);
            Assert.True(verified == 0, report);
            var (healthy, findings) = await Verbs.RunAsync(["doctor", .. _services.Arguments]);
            Assert.True(healthy == 0, findings);
            Assert.Contains("a lock in the metadata shuts older writers out", findings, StringComparison.Ordinal);
            var (shown, logs) = await Verbs.RunAsync(["inspect", "log", .. _services.Arguments]);
            Assert.True(shown == 0, logs);
            Assert.Contains("lock of term", logs, StringComparison.Ordinal);
            Assert.Equal(0, await second.StopAsync());
        }

        _bucket.Conditions[s_condition] = OnCondition.Honours;
        var (code, output) = await Tools.RunAsync(TimeSpan.FromSeconds(60), "dotnet", [.. ServerProcess.Command(nothing, _services.Arguments).Skip(1)]);
        Assert.NotEqual(0, code);
        Assert.Contains("as at the first start", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(nothing), "no data folder");
    }
}

/// <summary>A test that needs an etcd.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class EtcdFactAttribute : FactAttribute
{
    public EtcdFactAttribute() => Skip = Tools.IsOnPath("etcd") ? null : "etcd is not installed (./test.sh --install installs it)";
}
