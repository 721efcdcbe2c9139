using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Storage.Tests.Catalog;

public sealed class CatalogViewTests
{
    private static readonly CollectionId Books = new(100);
    private static readonly VChannel Channel = VChannel.Of(new PChannel("by-dev-0"), Books, 0);
    private readonly ManualTime _time = new();

    private static CancellationToken None => CancellationToken.None;

    /// <summary>Lets everything that is ready run on the pump.</summary>
    private static async Task SettleAsync()
    {
        for (var i = 0; i < 50; i++)
        {
            await Task.Yield();
        }
    }

    private static CollectionRecord Collection(string name, params VChannel[] channels) => new()
    {
        Id = Books,
        Database = "default",
        Name = name,
        Schema = new CollectionSchema
        {
            Name = name,
            Fields = [new FieldSchema { Id = FieldId.FirstUserField, Name = "id", Type = DataType.Int64, IsPrimaryKey = true }],
        },
        State = DdlState.Created,
        Channels = [.. channels],
        Partitions = [new PartitionRecord(new PartitionId(1), CollectionRecord.DefaultPartition, DdlState.Created, new Timestamp(5))],
        CreatedAt = new Timestamp(5),
        UpdatedAt = new Timestamp(5),
    };

    private static SegmentRecord Segment(long id) => new()
    {
        Id = new SegmentId(id), Collection = Books, Partition = new PartitionId(1), Channel = Channel, State = SegmentState.Growing,
    };

    private static async Task<long> WriteAsync(IMetaStore store, params MetaOperation[] operations) =>
        (await store.TransactAsync([], [.. operations], None)).Revision;

    [Fact]
    public void The_view_follows_every_kind_of_record_from_birth_to_death() => Pump.Run(async () =>
    {
        using var store = new MemoryMetaStore(_time);
        var view = new CatalogView(store, _time);
        using var stop = new CancellationTokenSource();
        var run = view.RunAsync(stop.Token);
        var revision = await WriteAsync(
            store,
            new MetaOperation.Put(CatalogKeys.Database("default"), CatalogCodec.Encode(new DatabaseRecord("default", 1, new Timestamp(1), ImmutableSortedDictionary<string, string>.Empty))),
            new MetaOperation.Put(CatalogKeys.Collection(Books), CatalogCodec.Encode(Collection("books", Channel))),
            new MetaOperation.Put(CatalogKeys.CollectionName("default", "books"), CatalogCodec.Encode(Books.Value)),
            new MetaOperation.Put(CatalogKeys.Alias("default", "b"), CatalogCodec.Encode(new AliasRecord("default", "b", Books, new Timestamp(6)))),
            new MetaOperation.Put(CatalogKeys.Segment(Books, new SegmentId(7)), CatalogCodec.Encode(Segment(7))),
            new MetaOperation.Put(CatalogKeys.DeleteFile(Books, Channel, 9), CatalogCodec.Encode(new DeleteFileRecord(9, Channel, Books, "p", 1, default, new LogPosition(1, 2), new Timestamp(8)))),
            new MetaOperation.Put(CatalogKeys.Checkpoint(Channel), CatalogCodec.Encode(new ChannelCheckpoint(Channel, new LogPosition(1, 2), new Timestamp(8), new Term(3)))),
            new MetaOperation.Put(CatalogKeys.Assignment(Channel.PChannel), CatalogCodec.Encode(new ChannelAssignment(Channel.PChannel, new Term(2), 11, ""))),
            new MetaOperation.Put(CatalogKeys.Session(11), CatalogCodec.Encode(new NodeSession(11, "streamingnode", ""))));
        await view.WaitForRevisionAsync(revision, None);
        var full = view.Current;
        Assert.Equal(1, full.FindDatabase("default")!.Id);
        Assert.Equal("books", full.FindCollection("default", "books")!.Name);
        Assert.Same(full.FindCollection(Books), full.FindCollection("default", "b"));
        Assert.Same(full.FindCollection(Books), full.FindCollection(Channel));
        Assert.Null(full.FindCollection("other", "books"));
        Assert.Equal("b", Assert.Single(full.AliasesOf(Books)).Alias);
        Assert.Equal(7, full.FindSegment(Books, new SegmentId(7))!.Id.Value);
        Assert.Equal([9L], full.DeleteFilesOf(Channel).Keys);
        Assert.Equal(new LogPosition(1, 2), full.CheckpointOf(Channel)!.Position);
        Assert.Equal(11, full.AssignmentOf(Channel.PChannel)!.NodeId);
        Assert.Equal("streamingnode", full.Sessions[11].Role);

        var keys = (await store.RangeAsync("", None)).Entries.Select(e => (MetaOperation)new MetaOperation.Delete(e.Key));
        await view.WaitForRevisionAsync(await WriteAsync(store, [.. keys]), None);
        var empty = view.Current;
        Assert.True(empty.Databases.IsEmpty && empty.Collections.IsEmpty && empty.Names.IsEmpty && empty.Aliases.IsEmpty && empty.Sessions.IsEmpty);
        Assert.True(empty.SegmentsOf(Books).IsEmpty && empty.DeleteFilesOf(Channel).IsEmpty && empty.Checkpoints.IsEmpty && empty.Assignments.IsEmpty);
        Assert.Null(empty.FindCollection(Channel));
        Assert.Equal("books", full.FindCollection("default", "books")!.Name);
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        await Expect.KindAsync(ErrorKind.Unavailable, async () => await view.WaitForRevisionAsync(1_000, None));
    });

    [Fact]
    public void A_refresh_shows_what_was_there_when_it_began_and_ChangedAsync_wakes() => Pump.Run(async () =>
    {
        using var store = new MemoryMetaStore(_time);
        var view = new CatalogView(store, _time);
        using var stop = new CancellationTokenSource();
        var run = view.RunAsync(stop.Token);
        var before = (await view.RefreshAsync(None)).Revision;
        var changed = view.ChangedAsync(before, None).AsTask();
        await WriteAsync(store, new MetaOperation.Put(CatalogKeys.Tso, CatalogCodec.Encode(5)));
        await view.RefreshAsync(None);
        Assert.False(changed.IsCompleted);
        var revision = await WriteAsync(store, new MetaOperation.Put(CatalogKeys.Segment(Books, new SegmentId(7)), CatalogCodec.Encode(Segment(7))));
        Assert.Equal(revision, (await view.RefreshAsync(None)).Revision);
        Assert.NotNull((await changed).FindSegment(Books, new SegmentId(7)));
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
    });

    [Fact]
    public void The_view_survives_an_outage_a_compaction_and_a_silent_watch() => Pump.Run(async () =>
    {
        using var inner = new MemoryMetaStore(_time, historyRevisions: 2);
        using var store = new Flaky(inner);
        var view = new CatalogView(store, _time);
        using var stop = new CancellationTokenSource();
        store.RangeFailures = 2;
        var run = view.RunAsync(stop.Token);
        await SettleAsync();
        _time.Advance(TimeSpan.FromMilliseconds(50));
        await SettleAsync();
        _time.Advance(TimeSpan.FromMilliseconds(100));
        await view.WaitForRevisionAsync(1, None);

        // The watch breaks, and meanwhile more happens than the history keeps.
        store.BreakWatch(MiniMilvusException.Unavailable("connection lost"));
        for (var i = 0; i < 10; i++)
        {
            await WriteAsync(inner, new MetaOperation.Put(CatalogKeys.Segment(Books, new SegmentId(i)), CatalogCodec.Encode(Segment(i))));
        }

        var waiting = view.WaitForRevisionAsync(11, None).AsTask();
        await SettleAsync();
        _time.Advance(TimeSpan.FromSeconds(2));
        await waiting;
        Assert.Equal(10, view.Current.SegmentsOf(Books).Count);

        // The watch hangs without a word: a refresh lists again.
        store.Silent = true;
        store.BreakWatch(MiniMilvusException.Conflict(ErrorReason.Unspecified, "compacted"));
        await SettleAsync();
        await WriteAsync(inner, new MetaOperation.Put(CatalogKeys.Segment(Books, new SegmentId(99)), CatalogCodec.Encode(Segment(99))));
        var refresh = view.RefreshAsync(None).AsTask();
        for (var i = 0; i < 20 && !refresh.IsCompleted; i++)
        {
            await SettleAsync();
            _time.Advance(TimeSpan.FromMilliseconds(200));
        }

        Assert.NotNull((await refresh).FindSegment(Books, new SegmentId(99)));
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
    });

    [Fact]
    public void A_record_that_does_not_decode_ends_the_view_with_its_key() => Pump.Run(async () =>
    {
        using var store = new MemoryMetaStore(_time);
        await WriteAsync(store, new MetaOperation.Put(CatalogKeys.Collection(Books), "not json"u8.ToArray()));
        var view = new CatalogView(store, _time);
        var e = await Expect.KindAsync(ErrorKind.Corrupted, () => view.RunAsync(None));
        Assert.Contains(CatalogKeys.Collection(Books), e.Message, StringComparison.Ordinal);
        await Expect.KindAsync(ErrorKind.Corrupted, async () => await view.WaitForRevisionAsync(1, None));
    });

    [Fact]
    public void A_name_with_a_slash_never_becomes_a_key()
    {
        Expect.Kind(ErrorKind.Invalid, () => CatalogKeys.Alias("default", "a/b"));
        Expect.Kind(ErrorKind.Invalid, () => CatalogKeys.Database(""));
    }

    /// <summary>A store whose calls can be made to fail.</summary>
    private sealed class Flaky(IMetaStore inner) : IMetaStore, IDisposable
    {
        private CancellationTokenSource _break = new();
        private Exception? _failure;

        public int RangeFailures { get; set; }
        public bool Silent { get; set; }

        public void Dispose() => _break.Dispose();

        public void BreakWatch(Exception e)
        {
            var old = _break;
            (_break, _failure) = (new CancellationTokenSource(), e);
            old.Cancel();
        }

        public ValueTask<MetaEntry?> GetAsync(string key, CancellationToken ct) => inner.GetAsync(key, ct);

        public ValueTask<MetaRange> RangeAsync(string prefix, CancellationToken ct) =>
            RangeFailures-- > 0 ? throw MiniMilvusException.Unavailable("no connection") : inner.RangeAsync(prefix, ct);

        public ValueTask<MetaTransactionResult> TransactAsync(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations, CancellationToken ct) =>
            inner.TransactAsync(compares, operations, ct);

        public async IAsyncEnumerable<MetaWatchBatch> WatchAsync(string prefix, long fromRevision, [EnumeratorCancellation] CancellationToken ct)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct, _break.Token);
            var broken = _break;
            await using var watch = inner.WatchAsync(prefix, fromRevision, stop.Token).GetAsyncEnumerator(stop.Token);
            while (true)
            {
                try
                {
                    await watch.MoveNextAsync();
                }
                catch (OperationCanceledException) when (broken.IsCancellationRequested && !ct.IsCancellationRequested)
                {
                    throw _failure!;
                }

                if (!Silent)
                {
                    yield return watch.Current;
                }
            }
        }

        public ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => inner.GrantLeaseAsync(timeToLive, ct);

        public ValueTask KeepAliveAsync(long lease, CancellationToken ct) => inner.KeepAliveAsync(lease, ct);

        public ValueTask RevokeLeaseAsync(long lease, CancellationToken ct) => inner.RevokeLeaseAsync(lease, ct);
    }
}
