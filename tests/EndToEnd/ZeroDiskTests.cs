namespace MiniMilvus.EndToEnd;

/// <summary>Metadata in a real etcd, log and segments in a real S3 server: the process itself keeps nothing.</summary>
public sealed class ZeroDiskTests : IAsyncLifetime
{
    private readonly DataFolder _folder = new(isUnderTest: false);
    private readonly ZeroDiskServices _services;

    public ZeroDiskTests() => _services = new ZeroDiskServices(_folder.Data);

    private string[] Arguments => _services.Arguments;

    public Task InitializeAsync() => _services.StartAsync();

    public async Task DisposeAsync()
    {
        await _services.DisposeAsync();
        _folder.Dispose();
    }

    [ZeroDiskFact]
    public async Task After_a_kill_every_acked_row_is_found_once_and_no_file_was_written()
    {
        var nothing = Path.Combine(_folder.Data, "nothing");
        var ledger = new Ledger("zero");
        await using (var first = await ServerProcess.StartAsync(nothing, Arguments))
        {
            using var client = first.Connect();
            await ledger.CreateAsync(client);
            for (var batch = 0; batch < 10; batch++)
            {
                Assert.True(await ledger.InsertAsync(client, batch * Ledger.BatchRows));
            }

            await client.GetCollection("zero").FlushAsync();
            Assert.True(await ledger.InsertAsync(client, 10 * Ledger.BatchRows));
            await ledger.DeleteAsync(client, [.. Enumerable.Range(100, 300).Select(i => (long)i)]);

            var (code, output) = await Tools.RunAsync(TimeSpan.FromSeconds(60), "dotnet", [.. ServerProcess.Command(nothing, Arguments).Skip(1)]);
            Assert.NotEqual(0, code);
            Assert.Contains("the metadata belongs to", output, StringComparison.Ordinal);
            await first.KillAsync();
        }

        await using (var second = await ServerProcess.StartAsync(nothing, Arguments))
        {
            using var client = second.Connect();
            await ledger.AssertByQueryAsync(client);
            await ledger.AssertBySearchAsync(client, step: 50);
            Assert.True(await ledger.InsertAsync(client, 11 * Ledger.BatchRows), "the log takes writes again");
            await ledger.AssertByQueryAsync(client);
        }

        Assert.False(Directory.Exists(nothing), "no data folder");
    }
}

/// <summary>A test that needs an etcd and an S3 server.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ZeroDiskFactAttribute : FactAttribute
{
    public ZeroDiskFactAttribute() => Skip = Missing();

    public static string? Missing() => !Tools.IsOnPath("etcd") ? "etcd is not installed (./test.sh --install installs it)"
        : !Tools.IsOnPath("radosgw") ? "radosgw is not installed (./test.sh --install installs it)"
        : null;
}
