using System.Text;
using System.Text.RegularExpressions;
using MiniMilvus.Client;
using MiniMilvus.Core;
using MiniMilvus.Core.Rows;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.EndToEnd;

/// <summary>Each kind of file of a data folder, broken on purpose: verify names it and ends with 1; what is torn above confirmed is no damage.</summary>
public sealed class DamageTests
{
    [Fact]
    public async Task Every_kind_of_file_that_is_flipped_cut_or_deleted_is_named()
    {
        using var folder = new DataFolder();
        var ledger = new Ledger("hurt");
        await using (var server = await ServerProcess.StartAsync(folder.Data, "--woodpecker.segmentBytesMax", "60000", "--streamingnode.truncationInterval", "01:00:00", "--streamingnode.segmentRowsMax", "2000"))
        {
            using var client = server.Connect();
            await ledger.CreateAsync(client);
            for (var batch = 0; batch < 4; batch++)
            {
                Assert.True(await ledger.InsertAsync(client, batch * Ledger.BatchRows));
            }

            await ledger.DeleteAsync(client, [5, 6, 7]);
            await client.GetCollection("hurt").FlushAsync();
            await WaitUntilCommittedAsync(folder, "*.idx", "*.del", "manifest-*.json");
            Assert.True(await ledger.InsertAsync(client, 4 * Ledger.BatchRows));
            await server.KillAsync();
        }

        var (code, text) = await Verbs.RunAsync("verify", "--data", folder.Data);
        Assert.True(code == 0, text);
        var logFolder = Directory.GetDirectories(Path.Combine(folder.Data, "logs")).MaxBy(d => Directory.GetFiles(d, "*.wal").Length)!;
        var (segment, log) = (Path.Combine(logFolder, "00000000.wal"), Path.GetFileName(logFolder));
        var length = (int)new FileInfo(segment).Length;
        var (shown, blocks) = (await Verbs.RunAsync("inspect", "log", log, "--data", folder.Data, "--segment", "0")).Output switch { var s => (s, Regex.Matches(s, @"block (\d+) at (\d+): data")) };
        Assert.True(blocks.Count > 1, shown);
        var offset = int.Parse(blocks[1].Groups[2].Value);

        var where = $"log '{log}', segment 0, block {{0}}, offset {{1}}";
        await HurtAsync(segment, offset + 20, string.Format(where, 1, offset));          // a block's header
        await HurtAsync(segment, offset + 64 + 9, string.Format(where, 1, offset));      // its payload
        await HurtAsync(segment, length - 30, $"log '{log}', segment 0, block {blocks.Count}, offset {length - 64}"); // the footer
        await HurtAsync(segment, 10, string.Format(where, 0, 0));                        // the file's own header
        await CutAsync(segment, offset + 30, string.Format(where, 1, offset));
        await LoseAsync(segment, $"log '{log}', segment 0, ");
        var epoch = Path.Combine(logFolder, "EPOCH");
        await HurtAsync(epoch, 9, $"file logs/{log}/EPOCH");
        await CutAsync(epoch, 8, $"file logs/{log}/EPOCH");
        await LoseAsync(epoch, $"file logs/{log}/EPOCH");
        foreach (var kind in new[] { "*.col", "*.del", "*.idx", "manifest-*.json" })
        {
            var file = Find(folder, kind);
            var key = Path.GetRelativePath(Path.Combine(folder.Data, "objects"), file);
            await HurtAsync(file, 40, key);
            await CutAsync(file, (int)new FileInfo(file).Length / 2, key);
            await LoseAsync(file, key);
        }

        var meta = Find(folder, "journal-*");
        await HurtAsync(meta, 70, "metadata in folder");
        var lost = folder.Data + "-meta";
        Directory.Move(Path.Combine(folder.Data, "meta"), lost);
        (code, text) = await Verbs.RunAsync("verify", "--data", folder.Data);
        Assert.Equal(1, code);
        Assert.Contains("DAMAGED expected a metadata store in folder", text, StringComparison.Ordinal);
        Directory.Move(lost, Path.Combine(folder.Data, "meta"));

        // The newest segment ends in what was half written when the power went.
        var open = Directory.GetFiles(logFolder, "*.wal").Max(StringComparer.Ordinal)!;
        var bytes = await File.ReadAllBytesAsync(open);
        var end = Array.FindLastIndex(bytes, b => b != 0) + 1;
        await File.WriteAllBytesAsync(open, [.. bytes[..end], .. "WPBK half of a block"u8]);
        (code, text) = await Verbs.RunAsync("verify", "--data", folder.Data);
        Assert.True(code == 0 && text.Contains(" 1 torn tails;", StringComparison.Ordinal), text);
        await File.WriteAllBytesAsync(open, bytes);

        async Task HurtAsync(string file, int at, string named)
        {
            var whole = await File.ReadAllBytesAsync(file);
            Verbs.Flip(file, at);
            await VerifyAsync(file, $"flip at {at}", named);
            await File.WriteAllBytesAsync(file, whole);
        }

        async Task CutAsync(string file, int at, string named)
        {
            var whole = await File.ReadAllBytesAsync(file);
            await File.WriteAllBytesAsync(file, whole[..at]);
            await VerifyAsync(file, $"cut at {at}", named);
            await File.WriteAllBytesAsync(file, whole);
        }

        async Task LoseAsync(string file, string named)
        {
            File.Move(file, folder.Data + "-lost");
            await VerifyAsync(file, "loss", named.Replace("file logs", "the file logs", StringComparison.Ordinal));
            File.Move(folder.Data + "-lost", file);
        }

        async Task VerifyAsync(string file, string how, string named)
        {
            var before = Verbs.Hashes(folder.Data);
            var (found, said) = await Verbs.RunAsync("verify", "--data", folder.Data);
            Assert.True(found == 1 && said.Split('\n').Any(l => l.StartsWith("DAMAGED ", StringComparison.Ordinal) && l.Contains(named, StringComparison.Ordinal)), $"{how} of {file}, expected '{named}': exit code {found}\n{said}");
            Assert.Equal(before, Verbs.Hashes(folder.Data));
        }
    }

    [Fact]
    public async Task A_server_that_is_killed_and_finds_an_index_file_damaged_answers_as_before_and_builds_another()
    {
        using var folder = new DataFolder();
        var ledger = new Ledger("mended");
        await using (var first = await ServerProcess.StartAsync(folder.Data))
        {
            using var client = first.Connect();
            await ledger.CreateAsync(client);
            Assert.True(await ledger.InsertAsync(client, 0));
            Assert.True(await ledger.InsertAsync(client, Ledger.BatchRows));
            await client.GetCollection("mended").FlushAsync();
            await WaitUntilCommittedAsync(folder, "*.idx");
            await first.KillAsync();
        }

        var damaged = Find(folder, "*.idx");
        Verbs.Flip(damaged, (int)new FileInfo(damaged).Length / 2);
        await using var second = await Deployment.StartAsync(Topology.OneProcess, folder.Data);
        using var again = second.Connect();
        await Recovery.WaitUntilLoadedAsync(again, "mended", second);
        await ledger.AssertByQueryAsync(again);
        await ledger.AssertBySearchAsync(again, 97);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (Directory.GetFiles(folder.Data, "*.idx", SearchOption.AllDirectories).All(f => f == damaged))
        {
            await Task.Delay(50, limit.Token);
        }

        await ledger.AssertBySearchAsync(again, 89);
        await second.StopAsync();
    }

    [Fact]
    public async Task A_server_that_is_killed_and_finds_a_column_damaged_reads_its_rows_again_from_the_log_or_names_the_segment_for_good()
    {
        using var folder = new DataFolder();
        var ledger = new Ledger("scarred");
        await using (var first = await ServerProcess.StartAsync(folder.Data, "--streamingnode.truncationInterval", "01:00:00"))
        {
            using var client = first.Connect();
            await ledger.CreateAsync(client);
            Assert.True(await ledger.InsertAsync(client, 0));
            await ledger.DeleteAsync(client, [5, 6, 7]);
            await client.GetCollection("scarred").FlushAsync();
            await WaitUntilCommittedAsync(folder, "manifest-*.json");
            Assert.True(await ledger.InsertAsync(client, Ledger.BatchRows));
            await first.KillAsync();
        }

        var column = Find(folder, "*.col");
        var whole = await File.ReadAllBytesAsync(column);
        Verbs.Flip(column, whole.Length / 2);
        await using (var second = await Deployment.StartAsync(Topology.OneProcess, folder.Data, "--streamingnode.truncationInterval", "01:00:00"))
        {
            using var client = second.Connect();
            await Recovery.WaitUntilLoadedAsync(client, "scarred", second);
            await ledger.AssertByQueryAsync(client);
            await ledger.AssertBySearchAsync(client, 97);
            Assert.Contains(Path.GetRelativePath(Path.Combine(folder.Data, "objects"), column), second.Log(), StringComparison.Ordinal);
            await second.KillAsync();
        }

        await File.WriteAllBytesAsync(column, whole);
        await using (var third = await Deployment.StartAsync(Topology.OneProcess, folder.Data, "--streamingnode.truncationInterval", "00:00:01"))
        {
            using var client = third.Connect();
            await Recovery.WaitUntilLoadedAsync(client, "scarred", third);
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            var log = Path.GetFileName(Directory.GetDirectories(Path.Combine(folder.Data, "logs")).MaxBy(d => Directory.GetFiles(d, "*.wal").Sum(f => new FileInfo(f).Length))!);
            while (!Regex.IsMatch((await Verbs.RunAsync("inspect", "log", log, "--data", folder.Data)).Output, @"truncated until \d+/[1-9]"))
            {
                await Task.Delay(500, limit.Token);
            }

            await third.KillAsync();
        }

        Verbs.Flip(column, whole.Length / 2);
        await using var last = await ServerProcess.StartAsync(folder.Data);
        using var reader = last.Connect();
        var error = await FinalErrorAsync(reader, "scarred");
        Assert.Matches("segment [0-9]+ is damaged", error.Message);
        Assert.Contains(Path.GetFileName(column), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_segment_that_verifies_and_is_not_what_the_log_says_is_named_as_long_as_the_log_reaches()
    {
        using var folder = new DataFolder();
        var ledger = new Ledger("forged");
        await using (var first = await ServerProcess.StartAsync(folder.Data, "--streamingnode.truncationInterval", "01:00:00"))
        {
            using var client = first.Connect();
            await ledger.CreateAsync(client);
            Assert.True(await ledger.InsertAsync(client, 0));
            Assert.True(await ledger.InsertAsync(client, Ledger.BatchRows));
            await ledger.DeleteAsync(client, [5, 6, 7]);
            await client.GetCollection("forged").FlushAsync();
            await WaitUntilCommittedAsync(folder, "manifest-*.json", "*.del");
            var (beside, said) = await Verbs.RunAsync("verify", "--data", folder.Data);
            Assert.True(beside == 0, said);
            Assert.Contains("1 segments compared with the log, 0 older than what the log still holds, 0 made by compactions, 0 not compared for damage; 1 delete files compared; 0 differ", said, StringComparison.Ordinal);
            await first.KillAsync();
        }

        var segment = await ForgeAsync(folder, 17);
        var (code, text) = await Verbs.RunAsync("verify", "--data", folder.Data);
        Assert.True(code == 1 && text.Contains("; 0 damaged", StringComparison.Ordinal) && text.Contains("; 1 differ", StringComparison.Ordinal), $"{code}: {text}");
        Assert.Matches($@"DIFFERS segment {segment}: row 17, key 17, column 'vector': expected \S+ in component 3 as in entry \d+/\d+, found 4711 in component 3", text);
        (code, text) = await Verbs.RunAsync("verify", "--against-log", "false", "--data", folder.Data);
        Assert.True(code == 0 && !text.Contains("compared", StringComparison.Ordinal), $"{code}: {text}");

        await using (var second = await ServerProcess.StartAsync(folder.Data, "--streamingnode.truncationInterval", "00:00:01"))
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            while (!(await Verbs.RunAsync("verify", "--data", folder.Data)).Output.Contains("0 segments compared with the log, 1 older than what the log still holds", StringComparison.Ordinal))
            {
                await Task.Delay(500, limit.Token);
            }

            await second.KillAsync();
        }

        (code, text) = await Verbs.RunAsync("verify", "--data", folder.Data);
        Assert.True(code == 0 && text.Contains("; 0 differ", StringComparison.Ordinal), $"{code}: {text}");
    }

    /// <summary>Writes the one segment's files again, whole and with their checksums, and in one row of them another vector. The segment.</summary>
    private static async Task<SegmentId> ForgeAsync(DataFolder folder, int row)
    {
        var store = await LocalObjectStore.OpenAsync(new RealDisk(folder.Data), "objects", default);
        var path = Directory.GetFiles(folder.Data, "manifest-*.json", SearchOption.AllDirectories).Single();
        var reader = await SegmentReader.OpenAsync(store, Path.GetRelativePath(Path.Combine(folder.Data, "objects"), path), default);
        var (rows, ticks, manifest) = (await reader.ReadRowsAsync(default), (await reader.ReadTicksAsync(default)).ToArray(), reader.Manifest);
        var vectors = rows.Columns.OfType<FloatVectorColumn>().Single();
        var values = vectors.Values.ToArray();
        values[(row * vectors.Dim) + 3] = 4711;
        var origin = new SegmentOrigin(
            manifest.Segment, manifest.Collection, manifest.Partition, manifest.Channel, manifest.SchemaVersion, manifest.Term, manifest.Attempt, manifest.Start, manifest.End);
        await SegmentWriter.WriteAsync(
            store, origin, new RowBatch(manifest.PrimaryKey, [.. rows.Columns.Select(c => c == vectors ? new FloatVectorColumn(c.Field, vectors.Dim, values) : c)]), ticks, default);
        return manifest.Segment;
    }

    /// <summary>The first answer that is not "not yet".</summary>
    private static async Task<MilvusException> FinalErrorAsync(MilvusClient client, string collection)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            try
            {
                Assert.Fail($"expected an error, found {await client.GetCollection(collection).CountAsync("", ConsistencyLevel.Strong)} rows");
            }
            catch (MilvusException e) when (e.IsRetriable)
            {
                await Task.Delay(50, limit.Token);
            }
            catch (MilvusException e)
            {
                return e;
            }
        }
    }

    private static string Find(DataFolder folder, string pattern) => Directory.GetFiles(folder.Data, pattern, SearchOption.AllDirectories).Order(StringComparer.Ordinal).First();

    /// <summary>Until the metadata names the first file of each kind.</summary>
    private static async Task WaitUntilCommittedAsync(DataFolder folder, params string[] patterns)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!patterns.All(IsCommitted))
        {
            await Task.Delay(50, limit.Token);
        }

        bool IsCommitted(string pattern) => Directory.GetFiles(folder.Data, pattern, SearchOption.AllDirectories).Min(StringComparer.Ordinal) is { } file
            && Directory.GetFiles(Path.Combine(folder.Data, "meta"), "journal-*").Any(journal =>
                Encoding.Latin1.GetString(File.ReadAllBytes(journal)).Contains(Path.GetRelativePath(Path.Combine(folder.Data, "objects"), file), StringComparison.Ordinal));
    }
}
