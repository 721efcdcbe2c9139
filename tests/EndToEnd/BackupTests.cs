using System.Diagnostics;
using System.Text.RegularExpressions;
using MiniMilvus.Client;

namespace MiniMilvus.EndToEnd;

/// <summary>A collection goes to a folder as it was at a position of its log, and comes back through another server, whole or not at all.</summary>
public sealed class BackupTests
{
    private const int Dimension = 4;

    [Fact]
    public async Task A_collection_comes_back_as_it_was_at_a_tick_from_beside_a_server_and_from_a_dead_ones_folder()
    {
        using var folder = new DataFolder();
        using var other = new DataFolder();
        var (then, now) = (Path.Combine(folder.Path, "then"), Path.Combine(folder.Path, "now"));
        List<string> before, after;
        await using (var server = await ServerProcess.StartAsync(folder.Data))
        {
            using var client = server.Connect();
            var museum = await CreateAsync(client);
            await InsertAsync(museum, 0, 60, null, withNotes: true);
            await InsertAsync(museum, 100, 30, "attic", withNotes: false);
            await museum.FlushAsync();
            await museum.DeleteAsync("id in [3, 4, 101]");
            var last = await museum.UpsertAsync(Rows(10, 5, withNotes: false, shift: 7));
            before = await AllAsync(museum);

            await museum.DeleteAsync("id >= 20 and id < 40");
            await museum.UpsertAsync(Rows(0, 3, withNotes: true, shift: 9), "attic");
            await InsertAsync(museum, 200, 20, null, withNotes: true);
            after = await AllAsync(museum);
            Assert.NotEqual(before, after);

            var (code, text) = await Verbs.RunAsync("backup", "museum", "--to", then, "--at", last.Timestamp.ToString(), "--data", folder.Data);
            Assert.True(code == 0, text);
            Assert.Matches($@"backed up collection 'museum' at tick {last.Timestamp} \(\d{{4}}-.+Z\): {before.Count} rows in \d+ segments to {Regex.Escape(then)}", text);
            (code, text) = await Verbs.RunAsync("restore", "--from", then, "--to", server.GrpcAddress, "--collection", "museum_then");
            Assert.True(code == 0, text);
            Assert.Contains($"restored {before.Count} rows into collection 'museum_then' of database 'default' at {server.GrpcAddress}, loaded", text, StringComparison.Ordinal);
            Assert.Equal(before, await AllAsync(client.GetCollection("museum_then")));
            Assert.Equal(after, await AllAsync(museum));
            Assert.Equal(["museum", "museum_then"], (await client.ListCollectionsAsync()).Select(c => c.Name).Order());

            (code, text) = await Verbs.RunAsync("restore", "--from", then, "--to", server.GrpcAddress);
            Assert.True(code == 2, text);
            Assert.Contains("collection 'museum': expected none of that name, found one", text, StringComparison.Ordinal);
            await server.KillAsync();
        }

        var (down, said) = await Verbs.RunAsync("backup", "museum", "--to", now, "--data", folder.Data);
        Assert.True(down == 0, said);
        await using (var server = await ServerProcess.StartAsync(other.Data))
        {
            using var client = server.Connect();
            var (code, text) = await Verbs.RunAsync("restore", "--from", now, "--to", server.GrpcAddress);
            Assert.True(code == 0, text);
            var museum = client.GetCollection("museum");
            Assert.Equal(after, await AllAsync(museum));
            var (source, schema) = ((await museum.DescribeAsync()).ShardsNum, (await museum.DescribeAsync()).Schema);
            Assert.Equal(2, source);
            Assert.Equal(["id", "title", "price", "note", "vector"], schema.Fields.Select(f => f.Name));
            Assert.Equal("HNSW", Assert.Single(await museum.DescribeIndexAsync("vector")).Params["index_type"]);
            Assert.Equal(ConsistencyLevel.Strong, (await museum.DescribeAsync()).ConsistencyLevel);
            var hits = await museum.SearchAsync<float>("vector", [Vector(205, 0)], SimilarityMetricType.L2, 1);
            Assert.Equal(205, hits.Ids.LongIds!.Single());
            await server.StopAsync();
        }

        var (sound, verified) = await Verbs.RunAsync("verify", "--data", other.Data);
        Assert.True(sound == 0, verified);
    }

    [Fact]
    public async Task Generated_keys_come_back_and_later_ones_do_not_meet_them()
    {
        using var folder = new DataFolder();
        using var other = new DataFolder();
        var backup = Path.Combine(folder.Path, "backup");
        List<long> keys = [];
        await using (var server = await ServerProcess.StartAsync(folder.Data))
        {
            using var client = server.Connect();
            var notes = await client.CreateCollectionAsync("notes", [FieldSchema.Create<long>("id", isPrimaryKey: true, autoId: true), FieldSchema.CreateFloatVector("vector", Dimension)]);
            for (var i = 0; i < 3; i++)
            {
                keys.AddRange((await notes.InsertAsync([FieldData.CreateFloatVector("vector", [Vector(i, 0), Vector(i, 1)])])).Ids.LongIds!);
            }

            var (code, text) = await Verbs.RunAsync("backup", "notes", "--to", backup, "--data", folder.Data);
            Assert.True(code == 0, text);
        }

        await using (var server = await ServerProcess.StartAsync(other.Data))
        {
            using var client = server.Connect();
            var (code, text) = await Verbs.RunAsync("restore", "--from", backup, "--to", server.GrpcAddress, "--collection", "again");
            Assert.True(code == 0, text);
            Assert.Contains("not loaded, as it was", text, StringComparison.Ordinal);
            var again = client.GetCollection("again");
            Assert.DoesNotContain("allow_insert_auto_id", (await again.DescribeAsync()).Properties.Keys);
            var more = await again.InsertAsync([FieldData.CreateFloatVector("vector", [Vector(9, 0)])]);
            Assert.True(more.Ids.LongIds!.Single() > keys.Max());
            await again.CreateIndexAsync("vector", IndexType.Flat, SimilarityMetricType.L2);
            await again.LoadAsync();
            await again.WaitForCollectionLoadAsync();
            var found = await again.QueryAsync("id >= 0", new QueryParameters { OutputFields = { "id" }, ConsistencyLevel = ConsistencyLevel.Strong });
            Assert.Equal(keys.Append(more.Ids.LongIds!.Single()).Order(), found.Column<long>("id").Data);
        }
    }

    [Fact]
    public async Task A_restore_that_is_killed_or_finds_damage_leaves_nothing_of_that_name()
    {
        using var folder = new DataFolder();
        var backup = Path.Combine(folder.Path, "backup");
        var ledger = new Ledger("heavy");
        await using var server = await ServerProcess.StartAsync(folder.Data);
        using var client = server.Connect();
        await ledger.CreateAsync(client);
        for (var first = 0; first < 120; first++)
        {
            Assert.True(await ledger.InsertAsync(client, first * Ledger.BatchRows));
        }

        var (code, text) = await Verbs.RunAsync("backup", "heavy", "--to", backup, "--data", folder.Data);
        Assert.True(code == 0, text);
        string[] restore = [ServerProcess.Executable, "restore", "--from", backup, "--to", server.GrpcAddress, "--collection", "copy"];
        using (var killed = Process.Start(new ProcessStartInfo("dotnet", restore) { RedirectStandardOutput = true, RedirectStandardError = true })!)
        {
            var deadline = TimeProvider.System.GetTimestamp();
            while (!(await client.ListCollectionsAsync()).Any(c => c.Name.StartsWith("copy_restoring_", StringComparison.Ordinal)))
            {
                Assert.False(killed.HasExited, "the restore ended before it was killed");
                Assert.True(TimeProvider.System.GetElapsedTime(deadline) < TimeSpan.FromSeconds(60), "no restore began within a minute");
                await Task.Delay(1);
            }

            killed.Kill();
            await killed.WaitForExitAsync();
        }

        Assert.False(await client.HasCollectionAsync("copy"));
        (code, text) = await Verbs.RunAsync(restore[1..]);
        Assert.True(code == 0, text);
        Assert.Matches("note: collection 'copy_restoring_[0-9a-f]{8}' belongs to a restore that is at work or was interrupted", text);
        Assert.Equal(ledger.Acked, await client.GetCollection("copy").CountAsync("", ConsistencyLevel.Strong));

        var column = Directory.GetFiles(backup, "*.col", SearchOption.AllDirectories).Order().First();
        Verbs.Flip(column, 100);
        (code, text) = await Verbs.RunAsync([.. restore[1..^1], "damaged"]);
        Assert.True(code == 1, text);
        Assert.Contains(Path.GetFileName(column), text, StringComparison.Ordinal);
        Assert.DoesNotContain((await client.ListCollectionsAsync()).Select(c => c.Name), n => n.StartsWith("damaged", StringComparison.Ordinal));

        var (taken, refused) = await Verbs.RunAsync("backup", "heavy", "--to", backup, "--data", folder.Data);
        Assert.True(taken == 2, refused);
        Assert.Contains("expected an empty folder, or none yet, found one with something in it", refused, StringComparison.Ordinal);
        (code, text) = await Verbs.RunAsync("backup", "light", "--to", backup + "2", "--data", folder.Data);
        Assert.True(code == 2, text);
        Assert.Contains("database 'default': expected a collection 'light', found 'copy', 'copy_restoring_", text, StringComparison.Ordinal);
        Assert.False(Directory.Exists(backup + "2"), "what came of no backup is left");
        (code, text) = await Verbs.RunAsync("backup", "--to", backup + "2", "--data", folder.Data);
        Assert.True(code == 2, text);
        Assert.Contains("Required argument 'collection' missing", text, StringComparison.Ordinal);
    }

    private static async Task<MilvusCollection> CreateAsync(MilvusClient client)
    {
        var schema = new CollectionSchema
        {
            EnableDynamicFields = true,
            Fields =
            [
                FieldSchema.Create<long>("id", isPrimaryKey: true), FieldSchema.CreateVarchar("title", 100), FieldSchema.Create<double>("price"),
                FieldSchema.CreateJson("note", nullable: true), FieldSchema.CreateFloatVector("vector", Dimension),
            ],
        };
        var museum = await client.CreateCollectionAsync("museum", schema, ConsistencyLevel.Strong, shardsNum: 2);
        await museum.CreatePartitionAsync("attic");
        await museum.CreateIndexAsync("vector", IndexType.Hnsw, SimilarityMetricType.L2);
        await museum.LoadAsync();
        await museum.WaitForCollectionLoadAsync();
        return museum;
    }

    private static Task InsertAsync(MilvusCollection museum, long first, int count, string? partition, bool withNotes) => museum.InsertAsync(Rows(first, count, withNotes, 0), partition);

    private static List<FieldData> Rows(long first, int count, bool withNotes, int shift)
    {
        long[] keys = [.. Enumerable.Range(0, count).Select(i => first + i)];
        List<FieldData> rows =
        [
            FieldData.Create<long>("id", keys),
            FieldData.CreateVarChar("title", [.. keys.Select(k => k % 7 == 0 ? "" : $"Bild {k} – ü{shift}")]),
            FieldData.Create<double>("price", [.. keys.Select(k => (k + shift) / 3.0)]),
            FieldData.CreateFloatVector("vector", [.. keys.Select(k => Vector(k, shift))]),
            FieldData.CreateJson("$meta", [.. keys.Select(k => k % 2 == 0 ? $"{{\"colour\":\"r{k}\"}}" : "{}")], isDynamic: true),
        ];
        if (withNotes)
        {
            rows.Add(FieldData.CreateJson("note", [.. keys.Select(k => $"{{\"of\":{k},\"shift\":[{shift}]}}")]));
        }

        return rows;
    }

    private static ReadOnlyMemory<float> Vector(long key, int shift) => new[] { key, shift, 0.5f, -key / 3f };

    /// <summary>Every row with all its values and its partition, by key.</summary>
    private static async Task<List<string>> AllAsync(MilvusCollection collection)
    {
        var all = new List<string>();
        foreach (var partition in new[] { "_default", "attic" })
        {
            var parameters = new QueryParameters { OutputFields = { "*" }, PartitionNames = { partition }, ConsistencyLevel = ConsistencyLevel.Strong };
            var fields = await collection.QueryAsync("id >= 0", parameters);
            for (var row = 0; row < (int)fields[0].RowCount; row++)
            {
                all.Add($"{partition}: " + string.Join(" | ", fields.OrderBy(f => f.FieldName, StringComparer.Ordinal).Select(f => $"{f.FieldName}={Text(f, row)}")));
            }
        }

        return all;
    }

    private static string Text(FieldData field, int row) => field switch
    {
        FloatVectorFieldData vectors => string.Join(' ', vectors[row].ToArray()),
        FieldData<long> numbers => numbers.Data[row].ToString(),
        FieldData<double> numbers => numbers.Data[row].ToString("R"),
        FieldData<string> texts => texts.IsValid.Count > 0 && !texts.IsValid[row] ? "null" : texts.Data[row],
        _ => throw new InvalidOperationException($"a column of {field.GetType().Name}"),
    };
}
