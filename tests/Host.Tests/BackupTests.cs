using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.Host.Backups;
using MiniMilvus.Storage.Backups;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Host.Tests;

/// <summary>A backup holds what a read at its tick would see: no more, no less, whatever of it is sealed, and whatever happens beside it.</summary>
public sealed class BackupTests
{
    [Theory]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    [InlineData(4, true)]
    [InlineData(5, false)]
    public async Task Every_tick_of_a_random_history_is_backed_up_as_a_model_has_it(int seed, bool isLocal)
    {
        var random = new Random(seed);
        await using var world = await LoggedWorld.StartAsync(isLocal);
        var (inserted, deleted) = (new List<LoggedRow>(), new List<(long Key, ulong Tick)>());
        var (segment, begin, unfiled) = (await world.BeginSegmentAsync(), LogPosition.Beginning, new List<(long Key, ulong Tick)>());
        var first = world.Tick;
        for (var step = 0; step < 40; step++)
        {
            var keys = Enumerable.Range(0, 4).Select(_ => (long)random.Next(30)).Distinct().ToArray();
            switch (random.Next(6))
            {
                case 0 or 1:
                    await world.InsertAsync(segment, keys);
                    inserted.AddRange(keys.Select(k => new LoggedRow(k, world.Tick)));
                    break;
                case 2:
                    await world.AppendAsync(true, LoggedWorld.Delete(keys), LoggedWorld.Insert(segment, keys)); // an upsert
                    unfiled.AddRange(keys.Select(k => (k, world.Tick)));
                    inserted.AddRange(keys.Select(k => new LoggedRow(k, world.Tick)));
                    break;
                case 3:
                    await world.AppendAsync(false, LoggedWorld.Delete(keys), LoggedWorld.Insert(segment, keys));
                    break;
                case 4:
                    await world.AppendAsync(true, LoggedWorld.Delete(keys));
                    unfiled.AddRange(keys.Select(k => (k, world.Tick)));
                    break;
                default:
                    // As a data node does it: the segment, the deletes, then the checkpoint; and sometimes the log below it goes.
                    await world.FlushOrDropAsync(segment);
                    var end = await world.PutCheckpointAsync();
                    if (unfiled.Count > 0)
                    {
                        await world.PutDeletesAsync(begin, end, [.. unfiled]);
                        deleted.AddRange(unfiled);
                        unfiled.Clear();
                    }

                    begin = end;
                    if (random.Next(2) == 0)
                    {
                        await world.TruncateAsync(end);
                    }

                    segment = await world.BeginSegmentAsync();
                    break;
            }
        }

        deleted.AddRange(unfiled);
        for (var tick = first; tick <= world.Tick; tick += (ulong)random.Next(1, 9))
        {
            var store = new MemoryObjectStore();
            var manifest = await world.BackUpAsync(store, new BackupPoint.AtTick(new Timestamp(tick)), random.Next(2) == 0 ? 1 : 1 << 20);
            var expected = inserted.Where(r => r.Tick <= tick && !deleted.Exists(d => d.Key == r.Key && r.Tick < d.Tick && d.Tick <= tick)).OrderBy(r => r.Tick).Select(r => r with { Tick = 0 });
            Assert.Equal(expected, await LoggedWorld.RestoredAsync(store, random.Next(2) == 0 ? 1 : 1 << 20));
            Assert.Equal(tick, manifest.Tick.Value);
        }
    }

    [Fact]
    public async Task The_latest_point_is_all_that_is_durable_and_an_entry_stands_for_its_tick()
    {
        await using var world = await LoggedWorld.StartAsync();
        var segment = await world.BeginSegmentAsync();
        var one = await world.InsertAsync(segment, 1, 2);
        await world.AppendAsync(true, LoggedWorld.Insert(segment, 3), LoggedWorld.Delete(1));
        await world.InsertAsync(segment, 4);

        Assert.Equal([2, 3, 4], await KeysAsync(world, "", world.Tick));
        Assert.Equal([1, 2], await KeysAsync(world, one.ToString(), null));
        Assert.Equal([1, 2], await KeysAsync(world, $"{LoggedWorld.PChannel}@{one}", null));
        // Begin, two bodies, commit: only with its commit the transaction is there.
        Assert.Equal([1, 2], await KeysAsync(world, new LogPosition(0, one.Entry + 3).ToString(), null));
        Assert.Equal([2, 3], await KeysAsync(world, new LogPosition(0, one.Entry + 4).ToString(), null));
    }

    [Theory]
    [InlineData("by-dev_9@0/1", ErrorKind.Invalid, "--at by-dev_9@0/1: expected LOG@0/1, where LOG is by-dev_0")]
    [InlineData("0/99", ErrorKind.NotFound, "log 'by-dev_0': expected an entry 0/99, found none; it holds entries from 0/0 on")]
    [InlineData("2100-01-01T00:00:00Z", ErrorKind.Invalid, "(2100-01-01T00:00:00.000Z): expected a point not after now (")]
    [InlineData("1001", ErrorKind.Invalid, "--at tick 1001 (1970-01-01T00:00:00.000Z): expected a point at or above tick 1005 (1970-01-01T00:00:00.000Z): rows that were deleted by then are compacted away (Q7)")]
    public async Task A_point_where_nothing_tells_what_was_there_is_refused(string at, ErrorKind kind, string expected)
    {
        await using var world = await LoggedWorld.StartAsync();
        var segment = await world.BeginSegmentAsync();
        await world.InsertAsync(segment, 1, 2);
        await world.PutAsync(await world.FlushAsync(segment) with { PurgedUntil = new Timestamp(1005) });
        var store = new MemoryObjectStore();
        var refused = await Assert.ThrowsAsync<MiniMilvusException>(() => world.BackUpAsync(store, BackupPoint.Parse(at)));
        Assert.Equal(kind, refused.Kind);
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
        Assert.Empty(await store.ListAsync("", default).ToListAsync());
    }

    [Theory]
    [InlineData("yesterday")]
    [InlineData("@0/1")]
    [InlineData("0/")]
    [InlineData("2026-11-30")]
    [InlineData("-5")]
    public void A_point_that_cannot_be_read_is_refused_with_the_forms_that_can(string at)
    {
        var refused = Assert.Throws<MiniMilvusException>(() => BackupPoint.Parse(at));
        Assert.Equal((ErrorKind.Invalid, $"--at '{at}': expected a tick (470621567287558144), a time (2026-11-30T12:00:00Z) or an entry of a log (0/17, or by-dev-rootcoord-dml_0@0/17)"), (refused.Kind, refused.Message));
    }

    [Fact]
    public void Points_are_read_in_each_form()
    {
        Assert.Equal(new BackupPoint.Latest(), BackupPoint.Parse(null));
        Assert.Equal(new BackupPoint.AtTick(new Timestamp(470621567287558144)), BackupPoint.Parse("470621567287558144"));
        Assert.Equal(new BackupPoint.AtEntry(null, new LogPosition(3, 17)), BackupPoint.Parse("3/17"));
        Assert.Equal(new BackupPoint.AtEntry("a@b", new LogPosition(0, 0)), BackupPoint.Parse("a@b@0/0"));
        var time = new DateTimeOffset(2026, 11, 30, 12, 0, 0, 250, TimeSpan.Zero).ToUnixTimeMilliseconds();
        Assert.Equal(new BackupPoint.AtTick(Timestamp.FromUnixMilliseconds(time, (uint)Timestamp.LogicalMask)), BackupPoint.Parse("2026-11-30T13:00:00.25+01:00"));
    }

    [Fact]
    public async Task What_becomes_durable_while_it_is_written_is_not_there_in_part()
    {
        await using var world = await LoggedWorld.StartAsync();
        var (one, two) = (await world.BeginSegmentAsync(), await world.BeginSegmentAsync());
        await world.InsertAsync(one, 1, 2);
        var flushed = await world.FlushAsync(one);
        await world.InsertAsync(two, 3);
        // As where another shard is ahead: between the reading of the deletes and that of the rows comes an upsert that commits at the backup's tick.
        await world.PutAsync(flushed with { MaxTick = new Timestamp(world.Tick + 4) });
        var store = new HookedStore(() => world.AppendAsync(true, LoggedWorld.Delete(3), LoggedWorld.Insert(two, 3)));
        var manifest = await world.BackUpAsync(store, new BackupPoint.Latest());
        Assert.Equal(world.Tick, manifest.Tick.Value);
        Assert.Equal([1, 2, 3], (await LoggedWorld.RestoredAsync(store)).Select(r => r.Key).Order());
    }

    [Theory]
    [InlineData("truncated", 1)]
    [InlineData("truncated", 2)]
    [InlineData("compacted", 1)]
    [InlineData("compacted", 2)]
    public async Task What_goes_while_it_is_read_is_not_missed(string what, int when)
    {
        await using var world = await LoggedWorld.StartAsync();
        var (one, two) = (await world.BeginSegmentAsync(), await world.BeginSegmentAsync());
        await world.InsertAsync(one, 1, 2);
        await world.InsertAsync(two, 3);
        var files = await world.FlushAsync(two);
        world.AfterLook = async look =>
        {
            if (look != when)
            {
                return;
            }

            await world.FlushAsync(one);
            if (what == "truncated")
            {
                await world.TruncateAsync(await world.PutCheckpointAsync());
            }
            else
            {
                await world.FlushAsync(two);
                world.Lose(files);
            }
        };
        var store = new MemoryObjectStore();
        var manifest = await world.BackUpAsync(store, new BackupPoint.Latest());
        Assert.Equal([1, 2, 3], (await LoggedWorld.RestoredAsync(store)).Select(r => r.Key).Order());
        Assert.Equal(2, manifest.Segments.Length);
        // Nothing is left of the attempt before.
        Assert.Equal(1 + (2 * 6), await store.ListAsync("", default).CountAsync());
    }

    [Fact]
    public async Task A_file_that_is_gone_and_a_catalogue_that_stays_end_it()
    {
        await using var world = await LoggedWorld.StartAsync();
        var segment = await world.BeginSegmentAsync();
        await world.InsertAsync(segment, 1);
        var record = await world.FlushAsync(segment);
        world.Lose(record);
        var store = new MemoryObjectStore();
        var refused = await Assert.ThrowsAsync<MiniMilvusException>(() => world.BackUpAsync(store, new BackupPoint.Latest()));
        Assert.Equal(ErrorKind.NotFound, refused.Kind);
        Assert.Contains(record.ManifestPath, refused.Message, StringComparison.Ordinal);
        Assert.Null(await store.HeadAsync(BackupManifest.Key, default));
    }

    [Fact]
    public async Task Damage_ends_it_without_a_manifest()
    {
        await using var world = await LoggedWorld.StartAsync();
        var segment = await world.BeginSegmentAsync();
        var hurt = await world.InsertAsync(segment, 1, 2);
        await world.InsertAsync(segment, 3);
        await world.HurtAsync(hurt);
        var store = new MemoryObjectStore();
        var refused = await Assert.ThrowsAsync<MiniMilvusException>(() => world.BackUpAsync(store, new BackupPoint.Latest()));
        Assert.Equal(ErrorKind.Corrupted, refused.Kind);
        Assert.Contains("log 'by-dev_0', segment 0, block", refused.Message, StringComparison.Ordinal);
        var unfinished = await Assert.ThrowsAsync<MiniMilvusException>(() => BackupReader.OpenAsync(store, default).AsTask());
        Assert.Equal("expected backup.json, which a backup writes last, found none: it was not finished, or this is no backup", unfinished.Message);
    }

    [Fact]
    public async Task Files_of_two_backups_do_not_mix_and_lost_ones_are_missed()
    {
        await using var world = await LoggedWorld.StartAsync();
        var segment = await world.BeginSegmentAsync();
        await world.InsertAsync(segment, 1, 2);
        var (older, newer) = (new MemoryObjectStore(), new MemoryObjectStore());
        await world.BackUpAsync(older, new BackupPoint.Latest());
        await world.AppendAsync(true, LoggedWorld.Delete(1), LoggedWorld.Insert(segment, 1));
        var manifest = await world.BackUpAsync(newer, new BackupPoint.Latest());

        var path = manifest.Segments.Single().ManifestPath;
        await newer.PutAsync(path, new System.Buffers.ReadOnlySequence<byte>(await older.GetAsync(path, default)), PutCondition.Always, default);
        var mixed = await Assert.ThrowsAsync<MiniMilvusException>(() => LoggedWorld.RestoredAsync(newer));
        Assert.Equal(ErrorKind.Corrupted, mixed.Kind);
        Assert.Contains($"{path}: expected the manifest of 2 rows with checksum ", mixed.Message, StringComparison.Ordinal);
        var column = (await older.ListAsync("", default).ToListAsync()).First(o => o.Key.EndsWith(".col", StringComparison.Ordinal)).Key;
        await older.DeleteAsync(column, default);
        var lost = await Assert.ThrowsAsync<MiniMilvusException>(() => LoggedWorld.RestoredAsync(older));
        Assert.Equal(ErrorKind.Corrupted, lost.Kind);
        Assert.Contains(column, lost.Message, StringComparison.Ordinal);
    }

    private static async Task<IEnumerable<long>> KeysAsync(LoggedWorld world, string at, ulong? tick)
    {
        var store = new MemoryObjectStore();
        var manifest = await world.BackUpAsync(store, BackupPoint.Parse(at));
        Assert.Equal(tick ?? manifest.Tick.Value, manifest.Tick.Value);
        return (await LoggedWorld.RestoredAsync(store)).Select(r => r.Key).Order();
    }

    /// <summary>Does something before the first object is put.</summary>
    private sealed class HookedStore(Func<Task> hook) : IObjectStore
    {
        private readonly MemoryObjectStore _inner = new();
        private bool _isDone;

        public async ValueTask<ObjectInfo> PutAsync(string key, System.Buffers.ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
        {
            if (!_isDone)
            {
                _isDone = true;
                await hook();
            }

            return await _inner.PutAsync(key, content, condition, ct);
        }

        public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) => _inner.GetAsync(key, ct);

        public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) => _inner.GetRangeAsync(key, offset, bytes, ct);

        public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) => _inner.HeadAsync(key, ct);

        public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken ct) => _inner.ListAsync(prefix, ct);

        public ValueTask DeleteAsync(string key, CancellationToken ct) => _inner.DeleteAsync(key, ct);
    }
}
