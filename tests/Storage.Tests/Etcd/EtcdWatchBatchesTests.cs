using Google.Protobuf;
using MiniMilvus.Storage.Etcd;
using MiniMilvus.Storage.Etcd.Wire;

namespace MiniMilvus.Storage.Tests.Etcd;

/// <summary>Responses as a server may cut, repeat and order them.</summary>
public sealed class EtcdWatchBatchesTests
{
    private readonly EtcdWatchBatches _batches = new(new EtcdKeys("root/"), "w/", 10, 1000);

    [Theory]
    [InlineData(5, 5)]
    [InlineData(9, 9)]
    [InlineData(30, 9)]
    public void The_first_proof_claims_nothing_that_may_still_come(long store, long proven)
        => Assert.Equal([$"{proven}:"], Add(new WatchResponse { Created = true, Header = At(store) }));

    [Fact]
    public void Changes_of_one_revision_come_together_and_what_does_not_match_is_proof()
    {
        Open();
        Assert.Equal(["10:w/a,w/b", "12:w/a", "13:"], Add(Response(false, (10, "w/a"), (10, "x"), (10, "w/b"), (11, "x"), (12, "w/a"), (13, "x"))));
        Assert.Equal(14, _batches.Next);
    }

    [Fact]
    public void Fragments_hold_back_the_revision_that_may_go_on()
    {
        Open();
        Assert.Equal(["10:w/a"], Add(Response(true, (10, "w/a"), (11, "w/a"))));
        Assert.Equal(11, _batches.Next);
        Assert.Empty(Add(Response(true, (11, "w/b"))));
        Assert.Equal(["11:w/a,w/b,w/c"], Add(Response(false, (11, "w/c"))));
    }

    [Fact]
    public void What_a_broken_connection_held_comes_again_whole()
    {
        Open();
        Assert.Equal(["10:w/a"], Add(Response(true, (10, "w/a"), (11, "w/a"))));
        Assert.Empty(Add(new WatchResponse { Created = true, Header = At(20) }));
        Assert.Equal(["11:w/a,w/b"], Add(Response(false, (11, "w/a"), (11, "w/b"))));
    }

    [Fact]
    public void A_revision_that_a_server_tells_twice_is_told_once()
    {
        Open();
        Assert.Equal(["10:w/a", "11:w/b"], Add(Response(false, (10, "w/a"), (11, "w/b"))));
        Assert.Equal(["12:w/c"], Add(Response(false, (10, "w/a"), (11, "w/b"), (12, "w/c"))));
    }

    [Fact]
    public void Progress_proves_and_never_goes_back()
    {
        Open();
        Assert.Equal(["15:"], Add(new WatchResponse { Header = At(15) }));
        Assert.Equal(16, _batches.Next);
        Assert.Empty(Add(new WatchResponse { Header = At(15) }));
        Assert.Empty(Add(new WatchResponse { Header = At(12) }));
        Assert.Equal(16, _batches.Next);
    }

    [Fact]
    public void The_stores_own_key_is_proof_and_no_change()
    {
        var all = new EtcdWatchBatches(new EtcdKeys("root/"), "", 10, 1000);
        all.Add(new WatchResponse { Created = true, Header = At(9) });
        var batch = Assert.Single(all.Add(Response(false, (10, "\0watch"))));
        Assert.Equal(10, batch.Revision);
        Assert.Empty(batch.Events);
    }

    private void Open() => Add(new WatchResponse { Created = true, Header = At(9) });

    private IEnumerable<string> Add(WatchResponse response) => _batches.Add(response).Select(b => $"{b.Revision}:{string.Join(',', b.Events.Select(e => e.Entry.Key))}");

    private static ResponseHeader At(long revision) => new() { Revision = revision };

    private static WatchResponse Response(bool fragment, params (long Revision, string Key)[] changes)
    {
        var response = new WatchResponse { Header = At(changes[^1].Revision), Fragment = fragment };
        response.Events.AddRange(changes.Select(c => new Event { Kv = new KeyValue { Key = ByteString.CopyFromUtf8($"root/{c.Key}"), ModRevision = c.Revision } }));
        return response;
    }
}
