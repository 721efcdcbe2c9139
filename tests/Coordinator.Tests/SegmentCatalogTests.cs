using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.Coordinator.Tests;

public sealed class SegmentCatalogTests
{
    private static async Task<(CoordinatorRole Role, CollectionRecord Collection, Term Term)> WithCollectionAsync(World world)
    {
        var role = await world.StartAsync();
        await role.ExecuteAsync(World.Collection("books"), default);
        var snapshot = CatalogSnapshot.Of(await world.Meta.RangeAsync("", default));
        var node = await role.RegisterAsync("datanode", "", world.Stop);
        var collection = snapshot.FindCollection("default", "books")!;
        return (role, collection, await role.AcquireDataChannelAsync(node, collection.Channels[0].PChannel, default));
    }

    private static CommitFlush Flush(CollectionRecord c, Term term, long rows) => new(c.Channels[0], term, new SegmentRecord
    {
        Id = new SegmentId(77), Collection = c.Id, Partition = c.Partitions[0].Id, Channel = c.Channels[0], State = SegmentState.Flushed, Rows = rows,
    });

    private static async Task<SegmentRecord?> SegmentAsync(World world, CollectionRecord c) =>
        CatalogSnapshot.Of(await world.Meta.RangeAsync("", default)).FindSegment(c.Id, new SegmentId(77));

    [Fact]
    public async Task Growing_becomes_flushed_exactly_once()
    {
        using var world = new World();
        var (role, collection, term) = await WithCollectionAsync(world);
        await role.CommitAsync(Flush(collection, term, 10), default);
        await role.CommitAsync(Flush(collection, term, 99), default);
        Assert.Equal(10, (await SegmentAsync(world, collection))!.Rows);
    }

    [Fact]
    public async Task An_index_file_is_discarded_by_its_name_and_without_a_term()
    {
        using var world = new World();
        var (role, collection, term) = await WithCollectionAsync(world);
        await role.CommitAsync(Flush(collection, term, 10), default);
        var segment = (await SegmentAsync(world, collection))!.Id;
        await role.CommitAsync(new CommitIndex(collection.Channels[0], term, segment, new SegmentIndexRecord(5, new FieldId(101), "new", 1)), default);
        var discard = new DiscardIndex(collection.Channels[0], default, segment, collection.Id, 5, "old");
        await role.CommitAsync(discard, default);
        await role.CommitAsync(discard with { IndexId = 6, Path = "new" }, default);
        Assert.Equal("new", Assert.Single((await SegmentAsync(world, collection))!.Indexes).Path);
        await role.CommitAsync(discard with { Path = "new" }, default);
        await role.CommitAsync(discard with { Path = "new" }, default);
        Assert.Empty((await SegmentAsync(world, collection))!.Indexes);
        await role.CommitAsync(discard with { Segment = new SegmentId(999) }, default);
    }

    [Fact]
    public async Task A_stale_data_node_commits_nothing()
    {
        using var world = new World();
        var (role, collection, old) = await WithCollectionAsync(world);
        var node = await role.RegisterAsync("datanode", "other", world.Stop);
        await role.AcquireDataChannelAsync(node, collection.Channels[0].PChannel, default);
        foreach (SegmentCommit commit in new SegmentCommit[]
        {
            Flush(collection, old, 10),
            new AdvanceCheckpoint(collection.Channels[0], old, new LogPosition(1, 1), new Timestamp(5)),
            new ConfirmTerm(collection.Channels[0], old),
            new CommitDeletes(collection.Channels[0], old, new DeleteFileRecord(1, collection.Channels[0], collection.Id, "p", 1, default, default, default)),
        })
        {
            var e = await Assert.ThrowsAsync<MiniMilvusException>(async () => await role.CommitAsync(commit, default));
            Assert.Equal(ErrorKind.Fenced, e.Kind);
        }

        Assert.Null(await SegmentAsync(world, collection));
        Assert.Null(CatalogSnapshot.Of(await world.Meta.RangeAsync("", default)).CheckpointOf(collection.Channels[0]));
    }

    [Fact]
    public async Task A_checkpoint_never_goes_back()
    {
        using var world = new World();
        var (role, collection, term) = await WithCollectionAsync(world);
        var channel = collection.Channels[0];
        await role.CommitAsync(new AdvanceCheckpoint(channel, term, new LogPosition(1, 9), new Timestamp(50)), default);
        await role.CommitAsync(new AdvanceCheckpoint(channel, term, new LogPosition(1, 3), new Timestamp(60)), default);
        Assert.Equal(new LogPosition(1, 9), CatalogSnapshot.Of(await world.Meta.RangeAsync("", default)).CheckpointOf(channel)!.Position);
    }

    [Fact]
    public async Task A_commit_for_a_dropped_collection_changes_nothing()
    {
        using var world = new World();
        var (role, collection, term) = await WithCollectionAsync(world);
        await role.ExecuteAsync(new DropCollection("default", "books"), default);
        await role.CommitAsync(Flush(collection, term, 10), default);
        await role.CommitAsync(new AdvanceCheckpoint(collection.Channels[0], term, new LogPosition(1, 1), new Timestamp(5)), default);
        Assert.Null(await SegmentAsync(world, collection));
        Assert.Null(await world.Meta.GetAsync(CatalogKeys.Checkpoint(collection.Channels[0]), default));
    }
}
