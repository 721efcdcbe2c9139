using System.Text.Json;

namespace MiniMilvus.EndToEnd;

/// <summary>The doctor beside a running server, after its end and without what it needs.</summary>
public sealed class DoctorTests
{
    [Fact]
    public async Task Beside_a_server_and_after_it_the_doctor_says_who_owns_what_and_changes_nothing()
    {
        using var folder = new DataFolder();
        var ledger = new Ledger("patient");
        int code;
        string text;
        await using (var server = await ServerProcess.StartAsync(folder.Data))
        {
            using var client = server.Connect();
            await ledger.CreateAsync(client);
            Assert.True(await ledger.InsertAsync(client, 0));
            Assert.True(await ledger.InsertAsync(client, Ledger.BatchRows));
            (code, text) = await Verbs.RunAsync("doctor", "--data", folder.Data);
            Assert.True(code == 0, text);
            Assert.Matches(@"ok +lock of \S+/meta +held by process \d+", text);
            Assert.Matches(@"ok +disk of \S+ +[\d.]+ \S+ of [\d.]+ \S+ free", text);
            Assert.Matches(@"ok +channel \S+ +node \d+ at \(the coordinator's own process\) holds term 1, its session is alive; its log is at epoch 1", text);
            Assert.Matches(@"truncation of \S+ +held at \d+/\d+ of \d+/\d+ by the ((flush |flush and delete )?checkpoint of 'patient'|reader of node \d+)", text);
            await server.KillAsync();
        }

        var before = Verbs.Hashes(folder.Data);
        (code, text) = await Verbs.RunAsync("doctor", "--data", folder.Data, "--json");
        Assert.True(code == 0, text);
        using var json = JsonDocument.Parse(text);
        var findings = json.RootElement.GetProperty("findings").EnumerateArray().Select(f => (What: f.GetProperty("what").GetString()!, Found: f.GetProperty("found").GetString()!)).ToList();
        Assert.Contains(findings, f => f.What.StartsWith("lock of", StringComparison.Ordinal) && f.Found.StartsWith("free", StringComparison.Ordinal));
        Assert.Contains(findings, f => f.What.StartsWith("channel", StringComparison.Ordinal) && f.Found.Contains("held term 1 last, nobody runs now", StringComparison.Ordinal));
        Assert.Equal(before, Verbs.Hashes(folder.Data));

        // The log refuses appends on such a disk, whatever the disk: the doctor says so too.
        (code, text) = await Verbs.RunAsync("doctor", "--data", folder.Data, "--woodpecker.diskFreeBytesMin", $"{1L << 49}");
        Assert.Equal(1, code);
        Assert.Matches(@"problem +disk of \S+ .*appends are refused \(expected at least .*\)  -> make room", text);
        Verbs.Flip(Directory.GetFiles(folder.Data, "EPOCH", SearchOption.AllDirectories)[0], 9);
        (code, text) = await Verbs.RunAsync("doctor", "--data", folder.Data);
        Assert.Equal(1, code);
        Assert.Matches(@"problem +log \S+ +log '\S+', file logs/\S+/EPOCH: expected 32 bytes", text);
    }

    [Theory]
    [InlineData("doctor", "--metaType", "etcd", "--etcd.endpoints", "127.0.0.1:9")]
    [InlineData("doctor", "--storageType", "remote", "--minio.address", "http://127.0.0.1:9", "--minio.accessKeyId", "a", "--minio.secretAccessKey", "b")]
    public async Task What_does_not_answer_is_a_problem_that_names_it(params string[] arguments)
    {
        using var folder = new DataFolder();
        Directory.CreateDirectory(Path.Combine(folder.Data, "logs"));
        var (code, text) = await Verbs.RunAsync([.. arguments, "--data", folder.Data]);
        Assert.True(code == 1, text);
        Assert.Matches(@"problem +.*127\.0\.0\.1:9.*\(expected ", text);
        Assert.DoesNotContain("Unhandled exception", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("doctor", "stray")]
    [InlineData("doctor", "--etcd.endpoints", "127.0.0.1:9:9", "--metaType", "etcd")]
    [InlineData("verify", "--storageType", "moon")]
    [InlineData("verify", "--nosuch.setting", "1")]
    [InlineData("inspect", "log", "--nosuch")]
    public async Task Bad_arguments_end_with_2(params string[] arguments)
    {
        using var folder = new DataFolder();
        Directory.CreateDirectory(Path.Combine(folder.Data, "logs"));
        var (code, text) = await Verbs.RunAsync([.. arguments, "--data", folder.Data]);
        Assert.True(code == 2, $"{code}: {text}");
        Assert.Contains("expected", text.Replace("no such setting", "expected", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled exception", text, StringComparison.Ordinal);
    }
}
