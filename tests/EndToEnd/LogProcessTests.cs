using MiniMilvus.Conformance.S3;
using MiniMilvus.Storage.S3;

namespace MiniMilvus.EndToEnd;

/// <summary>The log alone, in real processes: two that fight for it, one that is killed again and again (W1 to W4, W9, W14).</summary>
public sealed class LogProcessTests : IAsyncLifetime
{
    private const int Takeovers = 3;
    private const int Kills = 20;
    private readonly DataFolder _folder = new();
    private FakeS3 _bucket = null!;
    private ZeroDiskServices _services = null!;

    private string[] Bucket =>
        ["bucket", _bucket.Endpoint.ToString().TrimEnd('/'), FakeS3.AccessKey, FakeS3.SecretKey, FakeS3.Bucket, _services.Arguments[Array.IndexOf(_services.Arguments, "--etcd.endpoints") + 1]];

    public async Task InitializeAsync()
    {
        _bucket = await FakeS3.StartAsync();
        _bucket.Conditions[S3Profile.Minio.IfAbsent.Key] = OnCondition.Honours;
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
    public Task Of_two_writers_of_a_bucket_the_one_that_wakes_up_behind_the_other_gets_nothing_acked_or_read() => FightAsync();

    [EtcdFact]
    public async Task Of_two_writers_under_a_lock_the_one_that_wakes_up_behind_the_other_gets_nothing_acked_or_read()
    {
        _bucket.Conditions[S3Profile.Minio.IfAbsent.Key] = OnCondition.Rejects;
        await FightAsync();
    }

    [Fact]
    public Task Twenty_kills_of_a_writer_on_a_folder_lose_nothing_and_double_nothing() => KillAsync(["folder", _folder.Data]);

    [EtcdFact]
    public Task Twenty_kills_of_a_writer_of_a_bucket_lose_nothing_and_double_nothing() => KillAsync(Bucket);

    /// <summary>One is stopped in the middle of its appends; the next one opens the log and appends; then the first one is woken.</summary>
    private async Task FightAsync()
    {
        var acked = new List<ProcessEntry>();
        for (var round = 0; round < Takeovers; round++)
        {
            await using var older = LogProcess.Start("write", (2 * round) + 1, Bucket);
            await older.UntilAckedAsync(20);
            await older.StopAsync();
            await using var newer = LogProcess.Start("write", (2 * round) + 2, Bucket);
            await newer.UntilAckedAsync(20);
            await older.GoOnAsync();
            await older.UntilEndedAsync();
            Assert.True(older.Ended == "Fenced", older.Text());
            Assert.All(older.Acked, a => Assert.True(a.Place.CompareTo(newer.Opened) < 0, $"{a} was acked at or behind the place {newer.Opened} where the newer one began"));
            await newer.UntilAckedAsync(newer.Acked.Count + 20);
            await newer.KillAsync();
            acked.AddRange([.. older.Acked, .. newer.Acked]);
        }

        await RequireAllAsync(Bucket, (2 * Takeovers) + 1, acked);
    }

    private async Task KillAsync(string[] place)
    {
        var random = new Random(20);
        var acked = new List<ProcessEntry>();
        for (var term = 1; term <= Kills; term++)
        {
            await using var writer = LogProcess.Start("write", term, place);
            await writer.UntilAckedAsync(random.Next(1, 60));
            await Task.Delay(random.Next(100));
            await writer.KillAsync();
            acked.AddRange(writer.Acked);
        }

        await RequireAllAsync(place, Kills + 1, acked);
    }

    /// <summary>Every acked entry is there once, in its place; of each writer a run from its first entry on; no older writer's behind a newer one's.</summary>
    private static async Task RequireAllAsync(string[] place, long term, List<ProcessEntry> acked)
    {
        await using var reader = LogProcess.Start("read", term, place);
        await reader.UntilEndedAsync();
        var read = reader.Read;
        Assert.True(reader.Ended is null && read.Count >= acked.Count, $"{read.Count} entries, {acked.Count} acked:\n{reader.Text()}");
        Assert.Empty(acked.Except(read).Take(5));
        Assert.Equal(read.OrderBy(r => r.Place), read);
        Assert.Equal(read.OrderBy(r => r.Term).ThenBy(r => r.Number), read);
        foreach (var writer in read.GroupBy(r => r.Term))
        {
            Assert.Equal(Enumerable.Range(1, writer.Count()).Select(n => (long)n), writer.Select(w => w.Number));
        }
    }
}
