using MiniMilvus.Client;

namespace MiniMilvus.EndToEnd;

/// <summary>W1 seen from outside: durable first, ack afterwards.</summary>
public sealed class SystemCallTests
{
    private const int Inserts = 60;

    [StraceFact]
    public async Task No_ack_leaves_before_the_fdatasync_of_its_bytes_has_returned()
    {
        using var folder = new DataFolder();
        var trace = Path.Combine(folder.Path, "trace");
        string[] strace = ["strace", "-f", "-y", "-s", "65536", "-e", "trace=fdatasync,fsync,pwritev,pwrite64,sendto,sendmsg,write,writev", "-e", "signal=none", "-o", trace];
        string[] markers = [.. Enumerable.Range(0, Inserts).Select(i => $"MARKER-{i:D4}-{i * 7919:x6}")];
        await using (var server = await ServerProcess.StartAsync([.. strace, .. ServerProcess.Command(folder.Data)]))
        {
            using var client = server.Connect();
            var collection = await client.CreateCollectionAsync(
                "traced", [FieldSchema.CreateVarchar("key", maxLength: 64, isPrimaryKey: true), FieldSchema.CreateFloatVector("vector", 2)]);
            foreach (var marker in markers)
            {
                var answer = await collection.InsertAsync([FieldData.CreateVarChar("key", [marker]), FieldData.CreateFloatVector("vector", new float[] { 1, 2 }, 2)]);
                Assert.Equal(marker, Assert.Single(answer.Ids.StringIds!));
            }

            await server.KillAsync();
        }

        var calls = new SystemCallTrace(File.ReadLines(trace));
        Assert.True(calls.Syncs >= Inserts, $"{calls.Syncs} syncs for {Inserts} lone inserts");
        Assert.Equal([], markers.Select(calls.Complaint).OfType<string>());
    }

    [Fact]
    public void The_trace_reader_tells_an_early_ack_from_a_late_one()
    {
        string[] write = ["7 pwrite64(9</d/0.wal>, \"..A1..\", 6, 0) = 6"];
        string[] sync = ["8 fdatasync(9</d/0.wal> <unfinished ...>", "7 write(3</x>, \"\", 0) = 0", "8 <... fdatasync resumed>) = 0"];
        string[] send = ["9 sendmsg(12<socket:[77]>, {msg_iov=[{iov_base=\"A1\", iov_len=2}]}, 0) = 2"];
        Assert.Null(Read([.. write, .. sync, .. send]));
        Assert.Contains("synced only", Read([.. write, .. send, .. sync]), StringComparison.Ordinal);
        Assert.Contains("synced only", Read([.. write, sync[0], .. send, .. sync[1..]]), StringComparison.Ordinal);
        Assert.Contains("never synced", Read([.. sync, .. write, .. send]), StringComparison.Ordinal);
        Assert.Contains("never synced", Read([.. write, "8 fdatasync(10</d/1.wal>) = 0", .. send]), StringComparison.Ordinal);
        Assert.Contains("never synced", Read([.. write, "8 fdatasync(9</d/0.wal>) = -1 EIO (Input/output error)", .. send]), StringComparison.Ordinal);
        Assert.Contains("never written", Read([.. sync, .. send]), StringComparison.Ordinal);
        Assert.Contains("never sent", Read([.. write, .. sync]), StringComparison.Ordinal);
    }

    private static string? Read(string[] lines) => new SystemCallTrace(lines).Complaint("A1");
}
