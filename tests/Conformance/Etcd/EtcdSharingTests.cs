using MiniMilvus.Conformance.Support;
using MiniMilvus.Conformance.Tools;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Conformance.Etcd;

/// <summary>Several stores on one etcd: of one deployment, and of several.</summary>
[NeedsTool("etcd")]
public sealed class EtcdSharingTests(EtcdFixture etcd) : EtcdScenario, IClassFixture<EtcdFixture>
{
    [Fact]
    public async Task Of_sixteen_processes_that_create_one_key_exactly_one_wins()
    {
        var options = (await etcd.ServerAsync()).Options;
        var stores = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => OpenAsync(options)));
        for (var round = 0; round < 5; round++)
        {
            var key = $"election/{round}";
            var results = await Task.WhenAll(stores.Select((s, i) => s.TransactAsync([MetaCompare.IsAbsent(key)], [new MetaOperation.Put(key, Bytes($"{i}"))], Soon).AsTask()));
            var winner = Assert.Single(results.Index(), r => r.Item.Succeeded);
            Assert.Equal($"{winner.Index}", Text(await stores[0].GetAsync(key, Soon)));
            Assert.Equal(winner.Item.Revision, (await stores[^1].GetAsync(key, Soon))!.CreateRevision);
        }
    }

    [Fact]
    public async Task A_lease_that_another_revoked_is_NotFound()
    {
        var options = (await etcd.ServerAsync()).Options;
        var (mine, other) = (await OpenAsync(options), await OpenAsync(options));
        var lease = await mine.GrantLeaseAsync(TimeSpan.FromMinutes(1), Soon);
        await mine.KeepAliveAsync(lease, Soon);
        await other.RevokeLeaseAsync(lease, Soon);
        await Expect.KindAsync(Core.Errors.ErrorKind.NotFound, () => mine.KeepAliveAsync(lease, Soon).AsTask());
    }

    [Fact]
    public async Task Deployments_do_not_see_each_other()
    {
        var server = await etcd.ServerAsync();
        var (mine, other) = (await OpenAsync(server.Options), await OpenAsync(server.Options));
        await using var watch = await WatchAsync(mine, "", (await mine.RangeAsync("", Soon)).Revision + 1);
        await PutAsync(other, "a", "theirs");
        Assert.Null(await mine.GetAsync("a", Soon));
        await PutAsync(mine, "a", "mine");
        Assert.Equal("mine", Text(Assert.Single((await NextAsync(watch)).Events).Entry));
        Assert.Equal("mine", Text(Assert.Single((await mine.RangeAsync("", Soon)).Entries)));
        Assert.Equal("theirs", Text(Assert.Single((await other.RangeAsync("", Soon)).Entries)));
    }

    [Fact]
    public async Task A_watch_reaches_a_revision_that_only_another_deployment_moved()
    {
        var server = await etcd.ServerAsync();
        var (mine, other) = (await OpenAsync(server.Options), await OpenAsync(server.Options));
        await using var watch = await WatchAsync(mine, "catalog/", await PutAsync(mine, "elsewhere") + 1);
        await PutAsync(other, "a");
        var shown = (await mine.RangeAsync("", Soon)).Revision;
        while (watch.Current.Revision < shown)
        {
            Assert.True(await watch.MoveNextAsync());
            Assert.Empty(watch.Current.Events);
        }

        // What moved it is not a key of ours.
        Assert.Equal(["elsewhere"], (await mine.RangeAsync("", Soon)).Entries.Select(e => e.Key));
    }

    [Fact]
    public async Task Changes_elsewhere_in_the_deployment_prove_how_far_a_watch_has_come_and_cost_no_write()
    {
        await using var alone = await EtcdServer.StartAsync();
        var time = new ManualTime();
        var store = await OpenAsync(alone.Options with { ProgressDelay = TimeSpan.FromMilliseconds(1) }, time);
        await using var watch = await WatchAsync(store, "catalog/", (await store.RangeAsync("", Soon)).Revision + 1);
        var last = await PutAsync(store, "elsewhere/1");
        while (watch.Current.Revision < last)
        {
            Assert.True(await watch.MoveNextAsync());
            Assert.Empty(watch.Current.Events);
        }

        // Now the watch waits, and is not behind.
        var next = watch.MoveNextAsync().AsTask();
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(last, (await store.RangeAsync("", Soon)).Revision);
        Assert.Equal(last + 1, await PutAsync(store, "catalog/1"));
        Assert.True(await next);
        Assert.Equal(last + 1, watch.Current.Revision);
    }
}
