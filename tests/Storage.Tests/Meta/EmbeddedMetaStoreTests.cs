using System.Text;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Storage.Tests.Meta;

public sealed class EmbeddedMetaStoreTests
{
    private readonly ManualTime _time = new();
    private readonly SimulatedDisk _disk;

    public EmbeddedMetaStoreTests() => _disk = new SimulatedDisk(_time, 1);

    private static CancellationToken None => CancellationToken.None;

    private ValueTask<EmbeddedMetaStore> OpenAsync(EmbeddedMetaStoreOptions? options = null) =>
        EmbeddedMetaStore.OpenAsync(_disk.Mount(), "meta", _time, options ?? new EmbeddedMetaStoreOptions { JournalBytesMax = 4096 }, None);

    private static Task<MetaTransactionResult> PutAsync(IMetaStore store, string key, string value, long lease = 0) =>
        store.TransactAsync([], [new MetaOperation.Put(key, Encoding.UTF8.GetBytes(value), lease)], None).AsTask();

    [Fact]
    public async Task Everything_is_there_again_after_a_restart_also_through_rotations()
    {
        MetaRange before;
        await using (var store = await OpenAsync())
        {
            for (var i = 0; i < 200; i++)
            {
                await PutAsync(store, $"k{i % 17}", $"{i}");
            }

            await store.TransactAsync([], [new MetaOperation.Delete("k3")], None);
            before = await store.RangeAsync("", None);
        }

        Assert.InRange((await _disk.Mount().ListFilesAsync("meta", None)).Count, 2, 5);
        await using var again = await OpenAsync();
        var after = await again.RangeAsync("", None);
        Assert.Equal(before.Revision, after.Revision);
        Assert.Equal(before.Entries.Select(Show), after.Entries.Select(Show));

        static string Show(MetaEntry e) => $"{e.Key} {Encoding.UTF8.GetString(e.Value.Span)} {e.CreateRevision} {e.ModRevision} {e.Version} {e.Lease}";
    }

    [Fact]
    public async Task A_read_that_meets_the_end_of_a_commit_is_answered_without_another_commit()
    {
        // Two threads meet when the machine lets them: as many rounds as that takes, within a bound.
        const int RoundsMax = 20_000;
        const int MetMin = 200;
        const int Puts = 20;
        await using var store = await OpenAsync();
        using var round = new Barrier(2);
        var met = 0;
        var isAnswered = true;
        var done = 0;
        var reader = new Thread(() =>
        {
            for (var i = 1; i <= RoundsMax && met < MetMin && isAnswered; i++)
            {
                var reads = new List<Task>();
                round.SignalAndWait();
                while (Volatile.Read(ref done) < i)
                {
                    if (store.GetAsync("k", None).AsTask() is { IsCompleted: false } read)
                    {
                        reads.Add(read);
                    }
                }

                met += reads.Count;
                isAnswered = Task.WaitAll([.. reads], TimeSpan.FromSeconds(10));
                round.SignalAndWait();
            }
        });
        reader.Start();
        for (var i = 1; i <= RoundsMax && met < MetMin && isAnswered; i++)
        {
            round.SignalAndWait();
            for (var put = 0; put < Puts; put++)
            {
                await PutAsync(store, "k", $"{i} {put}");
            }

            Volatile.Write(ref done, i);
            round.SignalAndWait();
        }

        reader.Join();
        Assert.True(isAnswered, "a read was not answered");
        Assert.True(met >= MetMin, $"{met} reads met a commit, expected {MetMin}");
    }

    [Fact]
    public void Many_transactions_share_one_flush_and_a_lone_one_waits_for_none() => Pump.Run(async () =>
    {
        var store = await OpenAsync(new EmbeddedMetaStoreOptions());
        var flushes = 0;
        _disk.OnStep = step =>
        {
            flushes += step.Kind == DiskStepKind.Flush ? 1 : 0;
            return step.Kind == DiskStepKind.Flush ? new DiskFault.Slow(TimeSpan.FromMilliseconds(1)) : null;
        };
        var lone = PutAsync(store, "lone", "x");
        Assert.Equal(1, flushes);
        var many = Enumerable.Range(0, 100).Select(i => PutAsync(store, $"k{i}", "x")).ToArray();
        Assert.Equal(1, flushes);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await lone;
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await Task.WhenAll(many);
        Assert.Equal(2, flushes);
        await store.DisposeAsync();
    });

    [Fact]
    public void A_change_is_invisible_to_reads_and_watches_until_it_is_durable() => Pump.Run(async () =>
    {
        var store = await OpenAsync();
        var watch = store.WatchAsync("", 2, None).GetAsyncEnumerator();
        Assert.True(await watch.MoveNextAsync());
        _disk.OnStep = static step => step.Kind == DiskStepKind.Flush ? new DiskFault.Slow(TimeSpan.FromSeconds(1)) : null;
        var put = PutAsync(store, "a", "x");
        var read = store.GetAsync("a", None).AsTask();
        var refused = store.TransactAsync([MetaCompare.IsAbsent("a")], [], None).AsTask();
        var seen = watch.MoveNextAsync().AsTask();
        await Task.Yield();
        Assert.False(put.IsCompleted || read.IsCompleted || refused.IsCompleted || seen.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));
        await Task.WhenAll(put, read, refused, seen);
        Assert.NotNull(await read);
        Assert.False((await refused).Succeeded);
        await watch.DisposeAsync();
        await store.DisposeAsync();
    });

    [Fact]
    public async Task A_failed_flush_stops_the_store_for_good()
    {
        var store = await OpenAsync();
        await PutAsync(store, "a", "acked");
        await using var watch = store.WatchAsync("", 1_000, None).GetAsyncEnumerator();
        Assert.True(await watch.MoveNextAsync());
        _disk.OnStep = static step => step.Kind == DiskStepKind.Flush ? new DiskFault.FailBefore() : null;
        await Expect.KindAsync(ErrorKind.Unavailable, () => PutAsync(store, "b", "lost"));
        _disk.OnStep = null;
        await Expect.KindAsync(ErrorKind.Unavailable, () => PutAsync(store, "c", "never"));
        await Expect.KindAsync(ErrorKind.Unavailable, () => store.GetAsync("a", None).AsTask());
        await Assert.ThrowsAnyAsync<Exception>(async () => await watch.MoveNextAsync());
        await store.Stopped;
        Assert.IsType<IOException>(store.Failure);
        _disk.PowerCut(1);
        await using var again = await OpenAsync();
        Assert.Equal(["a"], (await again.RangeAsync("", None)).Entries.Select(e => e.Key));
    }

    [Fact]
    public async Task A_full_disk_says_so_and_the_store_opens_again_when_there_is_room()
    {
        var store = await OpenAsync();
        await PutAsync(store, "a", "acked");
        _disk.OnStep = static step => step.Kind == DiskStepKind.Write ? new DiskFault.NoSpace() : null;
        var e = await Expect.KindAsync(ErrorKind.Unavailable, () => PutAsync(store, "b", "lost"));
        Assert.Equal(ErrorReason.DiskFull, e.Reason);
        _disk.OnStep = null;
        await using var again = await OpenAsync();
        Assert.NotNull(await again.GetAsync("a", None));
    }

    [Fact]
    public async Task Leases_of_the_process_before_are_gone_at_once()
    {
        long revision;
        await using (var store = await OpenAsync())
        {
            var lease = await store.GrantLeaseAsync(TimeSpan.FromHours(1), None);
            revision = (await PutAsync(store, "mine", "x", lease)).Revision;
        }

        await using var again = await OpenAsync();
        Assert.Null(await again.GetAsync("mine", None));
        Assert.Equal(revision + 1, (await again.RangeAsync("", None)).Revision);
    }

    [Fact]
    public async Task Leases_may_be_kept_and_then_run_their_time()
    {
        var keep = new EmbeddedMetaStoreOptions { JournalBytesMax = 4096, DropLeasesAtOpen = false };
        long lease;
        await using (var store = await OpenAsync(keep))
        {
            lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(10), None);
            await PutAsync(store, "mine", "x", lease);
        }

        await using var again = await OpenAsync(keep);
        Assert.NotNull(await again.GetAsync("mine", None));
        Assert.NotEqual(lease, await again.GrantLeaseAsync(TimeSpan.FromMinutes(1), None));
        _time.Advance(TimeSpan.FromSeconds(11));
        Assert.Null(await again.GetAsync("mine", None));
    }

    [Fact]
    public async Task A_watch_goes_on_across_a_restart()
    {
        long at;
        await using (var store = await OpenAsync())
        {
            await PutAsync(store, "a", "1");
            at = (await PutAsync(store, "b", "2")).Revision;
        }

        await using var again = await OpenAsync();
        await using var watch = again.WatchAsync("", at + 1, None).GetAsyncEnumerator();
        Assert.True(await watch.MoveNextAsync());
        await PutAsync(again, "c", "3");
        Assert.True(await watch.MoveNextAsync());
        Assert.Equal("c", watch.Current.Events[0].Entry.Key);
    }

    [Fact]
    public async Task A_torn_last_record_is_cut()
    {
        await FillAsync(out var last);
        _disk.Damage(MetaFiles.Journal("meta", 1), (await last) + 5, 0x10);
        await using var store = await OpenAsync();
        Assert.Equal(["k0", "k1", "k2", "k3"], (await store.RangeAsync("", None)).Entries.Select(e => e.Key));
    }

    [Fact]
    public async Task A_damaged_record_that_was_durable_is_corruption_with_its_place()
    {
        await FillAsync(out var last);
        await last;
        _disk.Damage(MetaFiles.Journal("meta", 1), MetaJournalFormat.FileHeaderBytes + 30, 0x01);
        var e = await Expect.KindAsync(ErrorKind.Corrupted, async () => await OpenAsync());
        Assert.Contains("journal-000000000001", e.Message, StringComparison.Ordinal);
        Assert.Contains($"offset {MetaJournalFormat.FileHeaderBytes}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_header_of_a_journal_with_records_is_corruption()
    {
        await FillAsync(out var last);
        await last;
        _disk.Damage(MetaFiles.Journal("meta", 1), 9, 0x01);
        await Expect.KindAsync(ErrorKind.Corrupted, async () => await OpenAsync());
    }

    [Fact]
    public async Task A_damaged_snapshot_is_made_good_by_the_one_before_and_its_journals()
    {
        await FillAsync(out var last);
        await last;
        await (await OpenAsync()).DisposeAsync();
        _disk.Damage(MetaFiles.Snapshot("meta", 2), 20, 0x01);
        await using var store = await OpenAsync();
        Assert.Equal(5, (await store.RangeAsync("", None)).Entries.Length);
    }

    [Fact]
    public async Task Without_any_snapshot_that_verifies_it_is_corruption()
    {
        await FillAsync(out var last);
        await last;
        _disk.Damage(MetaFiles.Snapshot("meta", 1), 20, 0x01);
        await Expect.KindAsync(ErrorKind.Corrupted, async () => await OpenAsync());
    }

    /// <summary>Five transactions in journal 1; gives the offset of the last record.</summary>
    private Task FillAsync(out Task<long> lastOffset)
    {
        var work = WorkAsync();
        lastOffset = work;
        return work;

        async Task<long> WorkAsync()
        {
            var last = 0L;
            _disk.OnStep = step =>
            {
                last = step.Kind == DiskStepKind.Write ? step.Offset : last;
                return null;
            };
            await using (var store = await OpenAsync())
            {
                for (var i = 0; i < 5; i++)
                {
                    await PutAsync(store, $"k{i}", new string('v', 50));
                }
            }

            _disk.OnStep = null;
            return last;
        }
    }
}
