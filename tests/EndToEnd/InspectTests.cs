using System.Text.RegularExpressions;

namespace MiniMilvus.EndToEnd;

/// <summary>The verbs that look at a data folder: beside a server, after its death, over damage; and they change nothing.</summary>
public sealed class InspectTests
{
    [Fact]
    public async Task Inspect_and_verify_describe_a_folder_name_a_flipped_bit_and_change_nothing()
    {
        using var folder = new DataFolder();
        var ledger = new Ledger("inspected");
        await using (var server = await ServerProcess.StartAsync(folder.Data))
        {
            using var client = server.Connect();
            await ledger.CreateAsync(client);
            Assert.True(await ledger.InsertAsync(client, 0));
            await client.GetCollection("inspected").FlushAsync();
            Assert.True(await ledger.InsertAsync(client, Ledger.BatchRows));

            // Beside the running server.
            var (up, listed) = await Verbs.RunAsync("inspect", "log", "--data", folder.Data);
            Assert.True(up == 0, listed);
            Assert.Matches(@"log \S+: \d+ segments, \d+ bytes, epoch \d+, truncated until \d+/\d+, confirmed at least until \d+/\d+", listed);
            var (beside, verified) = await Verbs.RunAsync("verify", "--data", folder.Data);
            Assert.True(beside == 0, verified);
            await server.KillAsync();
        }

        var before = Verbs.Hashes(folder.Data);
        var (down, text) = await Verbs.RunAsync("verify", "--data", folder.Data);
        Assert.True(down == 0, text);
        var totals = Regex.Match(text, @"verified \d+ logs, \d+ log segments, (\d+) blocks, (\d+) entries, \d+ torn tails; (\d+) objects, \d+ bytes; 0 damaged");
        Assert.True(totals.Success && totals.Groups.Values.Skip(1).All(g => int.Parse(g.Value) > 0), text);

        var (name, file) = Directory.GetFiles(Path.Combine(folder.Data, "logs"), "*.wal", SearchOption.AllDirectories)
            .Select(f => (Name: Path.GetFileName(Path.GetDirectoryName(f)!), File: f)).MaxBy(f => File.ReadAllBytes(f.File).Count(b => b != 0));
        var (code, shown) = await Verbs.RunAsync("inspect", "log", name, "--data", folder.Data, "--entries", "--hex");
        Assert.True(code == 0, shown);
        Assert.Matches(@"block 0 at 64: data, \d+ bytes, \d+ entries 0/0\.\.0/\d+, epoch 1, confirmed 0/0, checksums hold", shown);
        Assert.Contains("00000040  5750424b", shown, StringComparison.Ordinal);
        Assert.Matches(@"Insert, tick \d+, \S+, [1-9]\d* rows, \d+ bytes", shown);
        Assert.Equal(before, Verbs.Hashes(folder.Data));

        // One bit of the first block's payload, and one of an object.
        Verbs.Flip(file, 64 + 64 + 10);
        var column = Directory.GetFiles(Path.Combine(folder.Data, "objects"), "*.col", SearchOption.AllDirectories)[0];
        Verbs.Flip(column, 100);
        before = Verbs.Hashes(folder.Data);
        (code, shown) = await Verbs.RunAsync("inspect", "log", name, "--data", folder.Data, "--segment", "0");
        Assert.Equal(1, code);
        Assert.Contains($"DAMAGED log '{name}', segment 0, block 0, offset 64: ", shown, StringComparison.Ordinal);
        (code, text) = await Verbs.RunAsync("verify", "--data", folder.Data);
        Assert.Equal(1, code);
        Assert.Contains($"DAMAGED log '{name}', segment 0, block 0, offset 64: ", text, StringComparison.Ordinal);
        Assert.Contains(Path.GetRelativePath(Path.Combine(folder.Data, "objects"), column), text, StringComparison.Ordinal);

        // Without metadata the files speak for themselves.
        Assert.Equal(before, Verbs.Hashes(folder.Data));
        Directory.Delete(Path.Combine(folder.Data, "meta"), recursive: true);
        (code, shown) = await Verbs.RunAsync("inspect", "log", name, "--data", folder.Data);
        Assert.Equal(1, code);
        Assert.Contains("metadata: expected a metadata store in folder ", shown, StringComparison.Ordinal);
        Assert.Contains($"DAMAGED log '{name}', segment 0, block 0, offset 64: ", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_is_not_there_is_refused_and_not_made()
    {
        using var folder = new DataFolder();
        foreach (var verb in new[] { "verify", "inspect log" })
        {
            var (code, output) = await Verbs.RunAsync([.. verb.Split(' '), "--data", folder.Data]);
            Assert.Equal(2, code);
            Assert.Contains(folder.Data, output, StringComparison.Ordinal);
        }

        Assert.False(Directory.Exists(folder.Data));
    }
}
