using System.Text.RegularExpressions;

namespace MiniMilvus.EndToEnd;

/// <summary>The verbs that only look, on a real etcd and a real S3 server: beside the process, after it, over damage, and with etcd gone.</summary>
public sealed class ZeroDiskVerbTests : IAsyncLifetime
{
    private readonly DataFolder _folder = new(isUnderTest: false);
    private readonly ZeroDiskServices _services;

    public ZeroDiskVerbTests() => _services = new ZeroDiskServices(_folder.Data);

    public Task InitializeAsync() => _services.StartAsync();

    public async Task DisposeAsync()
    {
        await _services.DisposeAsync();
        _folder.Dispose();
    }

    [ZeroDiskFact]
    public async Task Inspect_verify_and_doctor_look_at_a_bucket_and_an_etcd_and_write_nothing()
    {
        var nothing = Path.Combine(_folder.Data, "nothing");
        var ledger = new Ledger("zero");
        int code;
        string text;
        await using (var server = await ServerProcess.StartAsync(nothing, [.. _services.Arguments, "--streamingnode.truncationInterval", "01:00:00"]))
        {
            using var client = server.Connect();
            await ledger.CreateAsync(client);
            Assert.True(await ledger.InsertAsync(client, 0));
            await client.GetCollection("zero").FlushAsync();
            Assert.True(await ledger.InsertAsync(client, Ledger.BatchRows));
            (code, text) = await RunAsync("verify");
            Assert.True(code == 0, text);
            (code, text) = await RunAsync("doctor");
            Assert.True(code == 0, text);
            Assert.Matches(@"ok +bucket +generic bucket 'minimilvus' at http://127\.0\.0\.1:\d+ answers in [\d.]+ ms", text);
            Assert.Matches(@"ok +conditional puts +honoured: 'If-None-Match: \*'", text);
            Assert.Matches(@"ok +etcd http://127\.0\.0\.1:\d+ +answers in [\d.]+ ms, version 3\.\d+", text);
            Assert.Matches(@"ok +clock of \S+ +0 s", text);
            Assert.Matches(@"ok +owner lease +held by \S+/\d+/\S+ \(machine/process/start\), its lease is alive", text);
            Assert.Matches(@"ok +channel \S+ +node \d+ at \(the coordinator's own process\) holds term 1, its session is alive; its log is at epoch 1", text);
            Assert.Equal(0, await server.StopAsync());
        }

        // Nothing is written: neither a revision of etcd nor an object.
        var before = (await RevisionAsync(), await BucketAsync());
        (code, text) = await RunAsync("verify");
        Assert.True(code == 0, text);
        var totals = Regex.Match(text, @"verified \d+ logs, \d+ log segments, (\d+) blocks, (\d+) entries, \d+ torn tails; (\d+) objects, \d+ bytes; 0 damaged");
        Assert.True(totals.Success && totals.Groups.Values.Skip(1).All(g => int.Parse(g.Value) > 0), text);
        Assert.Contains("1 segments compared with the log, 0 older than what the log still holds", text, StringComparison.Ordinal);
        (code, text) = await RunAsync("inspect", "log");
        Assert.True(code == 0, text);
        var name = Regex.Match(text, @"log (\S+): [1-9]").Groups[1].Value;
        (code, text) = await RunAsync("inspect", "log", name, "--entries", "--hex");
        Assert.True(code == 0, text);
        Assert.Matches(@"block 0: data, \d+ bytes, \d+ entries 0/0\.\.0/\d+, epoch 1, confirmed 0/0, checksums hold", text);
        Assert.Contains("00000000  5750424b", text, StringComparison.Ordinal);
        (code, text) = await RunAsync("doctor");
        Assert.True(code == 0, text);
        Assert.Matches(@"ok +owner lease +free", text);
        var backup = Path.Combine(_folder.Data, "backup");
        (code, text) = await RunAsync("backup", "zero", "--to", backup);
        Assert.True(code == 0, text);
        Assert.Matches($@"backed up collection 'zero' at tick \d+ \(.+\): {2 * Ledger.BatchRows} rows in 2 segments", text);
        (code, text) = await Verbs.RunAsync("restore", "--from", backup, "--check");
        Assert.True(code == 0 && text.Contains("all of it verifies", StringComparison.Ordinal), text);
        Assert.Equal(before, (await RevisionAsync(), await BucketAsync()));
        Assert.False(Directory.Exists(nothing), "no data folder");

        // What is not reached is refused by its name, not read from a folder.
        (code, text) = await Verbs.RunAsync([.. Without("--minio.address", "http://127.0.0.1:9"), "--data", _folder.Data, .. "verify".Split()]);
        Assert.True(code == 3 && text.Contains("127.0.0.1:9", StringComparison.Ordinal), $"{code}: {text}");
        (code, text) = await Verbs.RunAsync([.. Without("--metaType", "embedded"), "--data", nothing, "verify"]);
        Assert.True(code == 3 && text.Contains($"INCOMPLETE without metadata nothing tells what should be there: expected a metadata store in folder {nothing}", StringComparison.Ordinal), $"{code}: {text}");
        (code, text) = await Verbs.RunAsync([.. Without("--minio.bucketName", "another"), "--minio.bucketName", "another", "verify"]);
        Assert.True(code == 2 && text.Contains("'another'", StringComparison.Ordinal), $"{code}: {text}");

        await _services.StopEtcdAsync();
        (code, text) = await RunAsync("inspect", "log", name);
        Assert.True(code == 0, text);
        Assert.Contains("metadata: expected an answer of etcd", text, StringComparison.Ordinal);
        Assert.Contains("what follows is from what the log and the segments themselves say", text, StringComparison.Ordinal);
        Assert.Matches($@"log {Regex.Escape(name)}: \d+ segments, \d+ bytes, epoch unknown, truncated until unknown, confirmed at least until \d+/[1-9]", text);
        (code, text) = await RunAsync("verify");
        Assert.True(code == 3 && text.Contains("INCOMPLETE", StringComparison.Ordinal), $"{code}: {text}");
        (code, text) = await RunAsync("doctor");
        Assert.True(code == 1, text);
        Assert.Matches(@"problem +etcd 127\.0\.0\.1:\d+ ", text);
        Assert.Matches(@"ok +conditional puts +honoured", text);
    }

    private Task<(int Code, string Output)> RunAsync(params string[] verb) => Verbs.RunAsync([.. verb, .. _services.Arguments]);

    /// <summary>The settings, one of them changed.</summary>
    private string[] Without(string option, string value)
    {
        var arguments = _services.Arguments.ToArray();
        var at = Array.IndexOf(arguments, option);
        if (at >= 0)
        {
            arguments[at + 1] = value;
        }

        return arguments;
    }

    /// <summary>As the doctor reads it.</summary>
    private async Task<string> RevisionAsync() => Regex.Match((await RunAsync("doctor")).Output, @"revision (\d+)").Value;

    /// <summary>What verify and inspect count of the bucket.</summary>
    private async Task<string> BucketAsync() => (await RunAsync("inspect", "log")).Output + Regex.Match((await RunAsync("verify")).Output, "verified .*").Value;
}
