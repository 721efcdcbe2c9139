using System.Collections.Immutable;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Conformance.Tools;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Etcd.Wire;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Conformance.Etcd;

/// <summary>Ranges, transactions and watches that do not fit one message.</summary>
[NeedsTool("etcd")]
public sealed class EtcdSizeTests(EtcdFixture etcd) : EtcdScenario, IClassFixture<EtcdFixture>
{
    private const int MiB = 1024 * 1024;

    [Fact]
    public async Task A_range_of_many_pages_is_whole_and_shows_one_revision()
    {
        var store = await OpenAsync((await etcd.ServerAsync()).Options with { RangePageEntries = 3 });
        for (var i = 0; i < 10; i++)
        {
            await PutAsync(store, $"r/{i}", $"{i}");
        }

        var last = await PutAsync(store, "s", "no");
        var range = await store.RangeAsync("r/", Soon);
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"r/{i}"), range.Entries.Select(e => e.Key));
        Assert.Equal(last, range.Revision);
    }

    [Fact]
    public async Task A_range_whose_revision_is_compacted_meanwhile_is_read_again()
    {
        const int Keys = 200;
        var options = (await etcd.ServerAsync()).Options;
        var store = await OpenAsync(options with { RangePageEntries = 1 });
        using var raw = new RawEtcd(options);
        for (var done = 0; done < Keys; done += 100)
        {
            await store.TransactAsync([], [.. Enumerable.Range(done, 100).Select(i => new MetaOperation.Put($"r/{i:d3}", default))], Soon);
        }

        var reading = store.RangeAsync("r/", Soon).AsTask();
        for (var i = 0; i < 3; i++)
        {
            var revision = await PutAsync(store, "other", $"{i}");
            await raw.Kv.CompactAsync(new CompactionRequest { Revision = revision }, cancellationToken: Soon);
        }

        var last = (await store.GetAsync("other", Soon))!.ModRevision;
        var range = await reading;
        Assert.Equal(Enumerable.Range(0, Keys).Select(i => $"r/{i:d3}"), range.Entries.Select(e => e.Key));
        Assert.Equal(last, range.Revision);
    }

    [Fact]
    public async Task A_range_with_large_values_is_read_in_smaller_pages_up_to_its_bound()
    {
        var options = (await etcd.ServerAsync()).Options with { MessageBytesMax = 4 * MiB };
        var store = await OpenAsync(options);
        for (var i = 0; i < 6; i++)
        {
            await PutAsync(store, $"r/{i}", new byte[MiB]);
        }

        var range = await store.RangeAsync("r/", Soon);
        Assert.Equal(6, range.Entries.Length);
        Assert.All(range.Entries, e => Assert.Equal(MiB, e.Value.Length));
        var narrow = await OpenAsync(options with { RangeBytesMax = 5 * MiB });
        var failure = await Expect.KindAsync(ErrorKind.Invalid, () => narrow.RangeAsync("r/", Soon).AsTask());
        Assert.Contains("RangeBytesMax", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_revision_that_comes_in_fragments_is_one_batch()
    {
        var store = await OpenAsync((await etcd.ServerAsync()).Options with { MessageBytesMax = 4 * MiB });
        var small = Enumerable.Range(0, 12).Select(i => (MetaOperation)new MetaOperation.Put($"w/{i:d2}", new byte[MiB / 10])).ToImmutableArray();
        var revisions = new List<long>();
        for (var i = 0; i < 6; i++)
        {
            revisions.Add((await store.TransactAsync([], small, Soon)).Revision);
        }

        // All six are waiting, more than a message may hold; etcd cuts them where 2 MiB are full.
        await using var watch = await WatchAsync(store, "w/", revisions[0]);
        foreach (var revision in revisions)
        {
            var batch = await NextAsync(watch);
            Assert.Equal(revision, batch.Revision);
            Assert.Equal(small.Select(o => o.Key), batch.Events.Select(e => e.Entry.Key));
        }
    }
}
