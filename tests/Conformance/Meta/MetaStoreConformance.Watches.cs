using System.Collections.Immutable;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Conformance.Meta;

public abstract partial class MetaStoreConformance
{
    [Fact]
    public async Task A_watch_stands_when_its_first_batch_has_come()
    {
        var at = await PutAsync("w/a", "0");
        await using var watch = Store.WatchAsync(Key("w/"), at + 1, Soon).GetAsyncEnumerator();
        Assert.True(await watch.MoveNextAsync());
        Assert.Empty(watch.Current.Events);
        var next = await PutAsync("w/b", "1");
        var change = Assert.Single((await NextAsync(watch)).Events);
        Assert.Equal((Key("w/b"), next, false), (change.Entry.Key, change.Entry.ModRevision, change.IsDelete));
        Assert.Equal(next, watch.Current.Revision);
    }

    [Fact]
    public async Task A_watch_from_the_past_replays_every_change_in_order_once_then_goes_on()
    {
        var first = await PutAsync("w/a", "0");
        var second = await PutAsync("w/a", "1");
        await PutAsync("elsewhere", "x");
        var third = await DeleteAsync("w/a");
        await using var watch = Store.WatchAsync(Key("w/"), first, Soon).GetAsyncEnumerator();
        Assert.Equal([first, second, third], [(await NextAsync(watch)).Revision, (await NextAsync(watch)).Revision, (await NextAsync(watch)).Revision]);
        var gone = Assert.Single(watch.Current.Events);
        Assert.True(gone.IsDelete);
        Assert.Equal((Key("w/a"), 0L, 0, third), (gone.Entry.Key, gone.Entry.Version, gone.Entry.Value.Length, gone.Entry.ModRevision));
        var fourth = await PutAsync("w/z", "2");
        Assert.Equal(fourth, (await NextAsync(watch)).Revision);
    }

    [Fact]
    public async Task All_changes_of_a_transaction_come_in_one_batch_without_those_of_other_prefixes()
    {
        var at = await PutAsync("x", "0");
        await using var watch = Store.WatchAsync(Key("w/"), at + 1, Soon).GetAsyncEnumerator();
        Assert.True(await watch.MoveNextAsync());
        await Store.TransactAsync([], [new MetaOperation.Put(Key("w/1"), Bytes("a")), new MetaOperation.Put(Key("x"), Bytes("b")), new MetaOperation.Put(Key("w/2"), Bytes("c"))], Soon);
        Assert.Equal([Key("w/1"), Key("w/2")], (await NextAsync(watch)).Events.Select(e => e.Entry.Key).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_watch_from_a_future_revision_skips_what_comes_before()
    {
        var at = await PutAsync("w/a", "0");
        await using var watch = Store.WatchAsync(Key("w/"), at + 2, Soon).GetAsyncEnumerator();
        Assert.True(await watch.MoveNextAsync());
        await PutAsync("w/b", "1");
        var wanted = await PutAsync("w/c", "2");
        var batch = await NextAsync(watch);
        Assert.True(!IsAlone || batch.Revision == wanted);
    }

    [Fact]
    public async Task A_watch_below_the_compaction_is_told_to_list_again()
    {
        var first = await PutAsync("w/a", "0");
        var last = await PutAsync("w/b", "1");
        await CompactAsync(last);
        await Expect.KindAsync(ErrorKind.Conflict, async () =>
        {
            await foreach (var batch in Store.WatchAsync(Key("w/"), first, Soon))
            {
                Assert.Empty(batch.Events);
            }
        });
    }

    [Fact]
    public async Task A_watch_ends_when_it_is_cancelled()
    {
        using var stop = new CancellationTokenSource();
        var revision = await PutAsync("w/a", "0");
        await using var watch = Store.WatchAsync(Key("w/"), revision + 1, stop.Token).GetAsyncEnumerator();
        Assert.True(await watch.MoveNextAsync());
        var next = watch.MoveNextAsync().AsTask();
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);
    }

    [Fact]
    public async Task A_watch_beside_many_writers_sees_every_revision_once_in_order()
    {
        var at = await PutAsync("w/start", "0");
        await using var watch = Store.WatchAsync(Key("w/"), at + 1, Soon).GetAsyncEnumerator();
        Assert.True(await watch.MoveNextAsync());
        var writers = Enumerable.Range(0, 8).Select(async w =>
        {
            for (var i = 0; i < 20; i++)
            {
                await PutAsync($"w/{w}", $"{i}");
            }
        });
        await Task.WhenAll(writers);
        var seen = new List<long>();
        while (seen.Count < 160)
        {
            seen.Add((await NextAsync(watch)).Revision);
        }

        Assert.Equal(seen.Distinct().Order(), seen);
    }

    [Fact]
    public async Task A_lease_that_is_not_kept_alive_takes_its_keys_along()
    {
        var lease = await Store.GrantLeaseAsync(TimeSpan.FromSeconds(2), Soon);
        var put = await PutAsync("l/a", "0", lease);
        await PutAsync("l/b", "0", lease);
        Assert.Equal(lease, (await GetAsync("l/a"))!.Lease);
        await using var watch = Store.WatchAsync(Key("l/"), put + 2, Soon).GetAsyncEnumerator();
        Assert.True(await watch.MoveNextAsync());
        await PassAsync(TimeSpan.FromSeconds(2.5));
        var batch = await NextAsync(watch);
        Assert.Equal([Key("l/a"), Key("l/b")], batch.Events.Select(e => e.Entry.Key).Order(StringComparer.Ordinal));
        Assert.All(batch.Events, e => Assert.True(e.IsDelete));
        Assert.Null(await GetAsync("l/a"));
        await Expect.KindAsync(ErrorKind.NotFound, () => Store.KeepAliveAsync(lease, Soon).AsTask());
    }

    [Fact]
    public async Task A_lease_kept_alive_lives_on()
    {
        var lease = await Store.GrantLeaseAsync(TimeSpan.FromSeconds(3), Soon);
        await PutAsync("l/a", "0", lease);
        for (var i = 0; i < 3; i++)
        {
            await PassAsync(TimeSpan.FromSeconds(1.5));
            await Store.KeepAliveAsync(lease, Soon);
        }

        Assert.NotNull(await GetAsync("l/a"));
    }

    [Fact]
    public async Task A_revoked_lease_takes_its_keys_along_at_once()
    {
        var lease = await Store.GrantLeaseAsync(TimeSpan.FromMinutes(1), Soon);
        await PutAsync("l/a", "0", lease);
        await Store.RevokeLeaseAsync(lease, Soon);
        Assert.Null(await GetAsync("l/a"));
        await Expect.KindAsync(ErrorKind.NotFound, () => Store.RevokeLeaseAsync(lease, Soon).AsTask());
        await Expect.KindAsync(ErrorKind.NotFound, () => PutAsync("l/b", "0", lease));
        Assert.Null(await GetAsync("l/b"));
    }

    [Fact]
    public async Task A_key_put_again_without_its_lease_outlives_it()
    {
        var lease = await Store.GrantLeaseAsync(TimeSpan.FromMinutes(1), Soon);
        var other = await Store.GrantLeaseAsync(TimeSpan.FromMinutes(1), Soon);
        await PutAsync("l/a", "0", lease);
        await PutAsync("l/a", "1");
        await PutAsync("l/b", "0", lease);
        await PutAsync("l/b", "1", other);
        await Store.RevokeLeaseAsync(lease, Soon);
        Assert.Equal("1", Text(await GetAsync("l/a")));
        Assert.Equal(other, (await GetAsync("l/b"))!.Lease);
    }

    /// <summary>The next batch that has events.</summary>
    protected static async Task<MetaWatchBatch> NextAsync(IAsyncEnumerator<MetaWatchBatch> watch)
    {
        while (await watch.MoveNextAsync())
        {
            if (!watch.Current.Events.IsDefaultOrEmpty)
            {
                return watch.Current;
            }
        }

        return new MetaWatchBatch(-1, ImmutableArray<MetaEvent>.Empty);
    }
}
