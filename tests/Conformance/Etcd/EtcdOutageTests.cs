using System.Net;
using System.Net.Sockets;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Conformance.Tools;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Conformance.Etcd;

/// <summary>Servers that are killed, dead, silent, or not the ones that were meant.</summary>
[NeedsTool("etcd")]
public sealed class EtcdOutageTests : EtcdScenario
{
    [Fact]
    public async Task A_watch_goes_on_after_a_kill_and_shows_every_change_once_in_order()
    {
        const int Writes = 60;
        var server = await StartAsync();
        var store = await OpenAsync(server.Options);
        await using var watch = await WatchAsync(store, "w/", (await store.RangeAsync("", Soon)).Revision + 1);
        var writing = WriteAsync();
        var seen = new List<MetaEntry>();
        while (seen.Count < Writes)
        {
            seen.AddRange((await NextAsync(watch)).Events.Select(e => e.Entry));
            if (seen.Count == Writes / 3)
            {
                await server.KillAsync();
                await server.RestartAsync();
            }
        }

        await writing;
        Assert.Equal(Enumerable.Range(0, Writes).Select(i => $"w/{i}"), seen.Select(e => e.Key));
        Assert.Equal(seen.Select(e => e.ModRevision).Distinct().Order(), seen.Select(e => e.ModRevision));

        // One after the other; what an outage left open is found out by trying again.
        async Task WriteAsync()
        {
            for (var i = 0; i < Writes;)
            {
                try
                {
                    await store.TransactAsync([MetaCompare.IsAbsent($"w/{i}")], [new MetaOperation.Put($"w/{i}", default)], Soon);
                    i++;
                }
                catch (MiniMilvusException e) when (e.IsRetriable)
                {
                    await Task.Delay(20, Soon);
                }
            }
        }
    }

    [Fact]
    public async Task A_watch_whose_server_stays_away_ends_in_Unavailable()
    {
        var server = await StartAsync();
        var store = await OpenAsync(server.Options with { WatchOutageMax = TimeSpan.FromMilliseconds(300) });
        await using var watch = await WatchAsync(store, "", 1_000);
        var next = watch.MoveNextAsync().AsTask();
        await server.KillAsync();
        var failure = await Expect.KindAsync(ErrorKind.Unavailable, () => next);
        Assert.Contains(server.Endpoint, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Calls_to_a_killed_server_are_Unavailable_and_succeed_when_it_is_back()
    {
        var server = await StartAsync();
        var store = await OpenAsync(server.Options);
        await PutAsync(store, "a", "1");
        var lease = await store.GrantLeaseAsync(TimeSpan.FromMinutes(1), Soon);
        await server.KillAsync();
        await Expect.KindAsync(ErrorKind.Unavailable, () => store.GetAsync("a", Soon).AsTask());
        await Expect.KindAsync(ErrorKind.Unavailable, () => store.RangeAsync("", Soon).AsTask());
        await Expect.KindAsync(ErrorKind.Unavailable, () => PutAsync(store, "a", "2"));
        await Expect.KindAsync(ErrorKind.Unavailable, () => store.KeepAliveAsync(lease, Soon).AsTask());
        await Expect.KindAsync(ErrorKind.Unavailable, () => store.GrantLeaseAsync(TimeSpan.FromMinutes(1), Soon).AsTask());
        await server.RestartAsync();
        Assert.Equal("1", Text(await store.GetAsync("a", Soon)));
        await store.KeepAliveAsync(lease, Soon);
        await PutAsync(store, "a", "2");
    }

    [Fact]
    public async Task Of_two_endpoints_one_may_be_dead()
    {
        var dead = await StartAsync();
        await dead.KillAsync();
        var alive = await StartAsync();
        var store = await OpenAsync(alive.Options with { Endpoints = [dead.Endpoint, alive.Endpoint] });
        await PutAsync(store, "a", "1");
        await using var watch = await WatchAsync(store, "", 1);
        Assert.Equal("a", Assert.Single((await NextAsync(watch)).Events).Entry.Key);
        await store.KeepAliveAsync(await store.GrantLeaseAsync(TimeSpan.FromMinutes(1), Soon), Soon);
    }

    [Fact]
    public async Task An_endpoint_that_never_answers_costs_one_timeout_and_is_left()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var server = await StartAsync();
        var options = server.Options with { RequestTimeout = TimeSpan.FromSeconds(1) };
        var failure = await Expect.KindAsync(ErrorKind.Unavailable, () => OpenAsync(options with { Endpoints = [$"{silent.LocalEndpoint}"] }));
        Assert.Contains($"{silent.LocalEndpoint}", failure.Message, StringComparison.Ordinal);
        var store = await OpenAsync(options with { Endpoints = [$"{silent.LocalEndpoint}", server.Endpoint] });
        await PutAsync(store, "a", "1");
    }

    [Fact]
    public async Task An_endpoint_of_another_cluster_is_refused()
    {
        var ours = await StartAsync();
        var other = await StartAsync();
        var store = await OpenAsync(ours.Options with { Endpoints = [ours.Endpoint, other.Endpoint] });
        await PutAsync(store, "a", "1");
        await ours.KillAsync();
        // A read first: it goes on to the next endpoint even when it was sent on a connection whose end was not yet noticed; a write there may be Unavailable.
        await Expect.KindAsync(ErrorKind.Invalid, () => store.GetAsync("a", Soon).AsTask());
        var failure = await Expect.KindAsync(ErrorKind.Invalid, () => PutAsync(store, "a", "2"));
        Assert.Contains(other.Endpoint, failure.Message, StringComparison.Ordinal);
        Assert.Contains("one cluster", failure.Message, StringComparison.Ordinal);
        await ours.RestartAsync();
    }

    [Fact]
    public async Task A_transaction_whose_reply_was_lost_is_Unavailable_and_is_not_sent_again()
    {
        var server = await StartAsync();
        await using var proxy = new LossyProxy(server.Endpoint);
        var options = server.Options;
        var store = await OpenAsync(options with { Endpoints = [proxy.Endpoint] });
        var beside = await OpenAsync(options);
        await using var watch = await WatchAsync(beside, "a", 1);
        proxy.WithholdReplies();
        var first = store.TransactAsync([MetaCompare.IsAbsent("a")], [new MetaOperation.Put("a", Bytes("mine"))], Soon).AsTask();
        await NextAsync(watch);
        proxy.Break();
        await Expect.KindAsync(ErrorKind.Unavailable, () => first);
        Assert.Equal("mine", Text(await store.GetAsync("a", Soon)));
    }

    [Fact]
    public async Task A_read_whose_reply_was_lost_is_sent_again()
    {
        var server = await StartAsync();
        await using var proxy = new LossyProxy(server.Endpoint);
        var store = await OpenAsync(server.Options with { Endpoints = [proxy.Endpoint] });
        await PutAsync(store, "a", "1");
        proxy.WithholdReplies();
        var read = store.GetAsync("a", Soon).AsTask();
        Assert.False(read.IsCompleted);
        proxy.Break();
        Assert.Equal("1", Text(await read));
    }

    [Fact]
    public async Task A_call_ends_when_it_is_cancelled()
    {
        var server = await StartAsync();
        await using var proxy = new LossyProxy(server.Endpoint);
        var store = await OpenAsync(server.Options with { Endpoints = [proxy.Endpoint] });
        proxy.WithholdReplies();
        using var stop = new CancellationTokenSource();
        var read = store.RangeAsync("", stop.Token).AsTask();
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
    }

    [Fact]
    public async Task No_endpoint_at_all_is_Unavailable_and_named()
    {
        var server = await StartAsync();
        await server.KillAsync();
        var failure = await Expect.KindAsync(ErrorKind.Unavailable, () => OpenAsync(server.Options));
        Assert.Contains(server.Endpoint, failure.Message, StringComparison.Ordinal);
    }
}
