using System.Collections.Immutable;
using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Coordinator.Tests;

/// <summary>S8, S9: the steps of a compaction in the catalogue.</summary>
public sealed class CompactionCatalogTests
{
    private static readonly SegmentId Output = new(900);

    [Fact]
    public async Task The_inputs_and_the_output_flip_in_one_transaction_and_once()
    {
        using var world = new World();
        var (role, collection, term) = await FlushedAsync(world, 1, 2, 3);
        await role.CommitAsync(Begin(collection, term, 1, 2), default);
        await role.CommitAsync(Begin(collection, term, 1, 2), default); // The reply of the first may have been lost.
        var before = await world.Meta.RangeAsync(CatalogKeys.SegmentPrefix, default);
        world.Meta.LoseNextReply = true;
        await Assert.ThrowsAsync<MiniMilvusException>(async () => await role.CommitAsync(Commit(collection, term, 1, 2), default));
        await role.CommitAsync(Commit(collection, term, 1, 2), default);
        var after = await world.Meta.RangeAsync(CatalogKeys.SegmentPrefix, default);
        Assert.Equal(before.Revision + 1, after.Revision);
        var segments = after.Entries.Select(e => CatalogCodec.Segment(e)).ToDictionary(s => s.Id.Value);
        Assert.Equal([SegmentState.Compacted, SegmentState.Compacted, SegmentState.Flushed, SegmentState.Flushed], new long[] { 1, 2, 3, 900 }.Select(id => segments[id].State));
        Assert.Equal([Output, Output, default], new long[] { 1, 2, 3 }.Select(id => segments[id].CompactedTo));
    }

    [Fact]
    public async Task Nothing_flips_when_an_input_or_the_partition_is_no_longer_there_or_the_term_is_stale()
    {
        using var world = new World();
        var (role, collection, term) = await FlushedAsync(world, 1, 2, 3);
        await role.CommitAsync(Begin(collection, term, 1, 2), default);
        await role.CommitAsync(new BeginCompaction(collection.Channels[0], term, Record(collection, 901, SegmentState.Compacting) with { CompactedFrom = Ids(2, 3) }), default);
        await role.CommitAsync(Commit(collection, term, 1, 2), default);
        var error = await Assert.ThrowsAsync<MiniMilvusException>(async () => await role.CommitAsync(
            new CommitCompaction(collection.Channels[0], term, Record(collection, 901, SegmentState.Flushed) with { ManifestPath = "n", CompactedFrom = Ids(2, 3) }, 0), default));
        Assert.Equal(ErrorKind.Conflict, error.Kind);
        Assert.Equal(SegmentState.Flushed, (await SegmentAsync(world, collection, 3))!.State);

        await role.CommitAsync(Begin(collection, term, [3], id: 902), default);
        await role.AcquireDataChannelAsync(await role.RegisterAsync("datanode", "", world.Stop), collection.Channels[0].PChannel, default);
        error = await Assert.ThrowsAsync<MiniMilvusException>(async () => await role.CommitAsync(Commit(collection, term, [3], id: 902), default));
        Assert.Equal(ErrorKind.Fenced, error.Kind);
        Assert.Equal(SegmentState.Flushed, (await SegmentAsync(world, collection, 3))!.State);
    }

    [Fact]
    public async Task An_output_without_an_intent_is_refused()
    {
        using var world = new World();
        var (role, collection, term) = await FlushedAsync(world, 1, 2);
        var error = await Assert.ThrowsAsync<MiniMilvusException>(async () => await role.CommitAsync(Commit(collection, term, 1, 2), default));
        Assert.Equal(ErrorKind.Conflict, error.Kind);
    }

    [Fact]
    public async Task A_compacted_segment_is_forgotten_only_when_nobody_can_read_its_rows_from_the_log_again()
    {
        using var world = new World();
        var (role, collection, term) = await FlushedAsync(world, 1, 2);
        var channel = collection.Channels[0];
        await role.CommitAsync(Begin(collection, term, 1, 2), default);
        await role.CommitAsync(Commit(collection, term, 1, 2), default);
        var forget = new ForgetSegments(channel, term, collection.Id, Ids(1, 2, 900));
        await role.CommitAsync(forget, default); // no checkpoint yet
        Assert.NotNull(await SegmentAsync(world, collection, 1));
        await role.CommitAsync(new AdvanceCheckpoint(channel, term, new LogPosition(0, 50), new Timestamp(9)), default);
        await world.Meta.TransactAsync([], [new MetaOperation.Put(CatalogKeys.Reader(channel.PChannel, 4), Encoding.ASCII.GetBytes("0/19"))], default);
        await role.CommitAsync(forget, default);
        Assert.Equal((false, true), (await SegmentAsync(world, collection, 1) is not null, await SegmentAsync(world, collection, 2) is not null));
        await world.Meta.TransactAsync([], [new MetaOperation.Delete(CatalogKeys.Reader(channel.PChannel, 4))], default);
        await role.CommitAsync(forget, default);
        Assert.Null(await SegmentAsync(world, collection, 2));
        Assert.NotNull(await SegmentAsync(world, collection, 900)); // It is flushed: it stays.
    }

    [Fact]
    public async Task An_index_of_a_segment_that_was_compacted_meanwhile_is_not_kept()
    {
        using var world = new World();
        var (role, collection, term) = await FlushedAsync(world, 1, 2);
        await role.CommitAsync(Begin(collection, term, 1, 2), default);
        await role.CommitAsync(Commit(collection, term, 1, 2), default);
        await role.CommitAsync(new CommitIndex(collection.Channels[0], term, new SegmentId(1), new SegmentIndexRecord(5, new FieldId(101), "late", 1)), default);
        Assert.Empty((await SegmentAsync(world, collection, 1))!.Indexes);
    }

    [Fact]
    public async Task A_compaction_that_is_asked_for_is_planned_once_and_remembered_and_goes_with_its_collection()
    {
        using var world = new World();
        var (role, collection, term) = await FlushedAsync(world, 1, 2);
        var command = new CompactCollection("default", "books", 40, PartitionId.All, "", []);
        var revision = await role.ExecuteAsync(command, default);
        Assert.Equal(revision, await role.ExecuteAsync(command, default));
        var record = CatalogCodec.Compaction((await world.Meta.GetAsync(CatalogKeys.Compaction(collection.Id, 40), default))!);
        Assert.Equal([1L, 2L], Assert.Single(record.Plans).Inputs.Select(i => i.Value));
        Assert.False(record.IsCompleted);
        await role.CommitAsync(Begin(collection, term, 1, 2), default);
        await role.CommitAsync(Commit(collection, term, 1, 2) with { Request = 40 }, default);
        record = CatalogCodec.Compaction((await world.Meta.GetAsync(CatalogKeys.Compaction(collection.Id, 40), default))!);
        Assert.Equal((true, Output), (record.IsCompleted, record.Plans[0].Output));
        await role.ExecuteAsync(new DropCollection("default", "books"), default);
        Assert.Empty((await world.Meta.RangeAsync(CatalogKeys.CompactionPrefix, default)).Entries);
    }

    private static async Task<(CoordinatorRole Role, CollectionRecord Collection, Term Term)> FlushedAsync(World world, params long[] segments)
    {
        var role = await world.StartAsync();
        await role.ExecuteAsync(World.Collection("books"), default);
        var collection = CatalogSnapshot.Of(await world.Meta.RangeAsync("", default)).FindCollection("default", "books")!;
        var term = await role.AcquireDataChannelAsync(await role.RegisterAsync("datanode", "", world.Stop), collection.Channels[0].PChannel, default);
        foreach (var id in segments)
        {
            await role.CommitAsync(new CommitFlush(collection.Channels[0], term, Record(collection, id, SegmentState.Flushed) with { Rows = 10, Bytes = 100, ManifestPath = $"m{id}", End = new LogPosition(0, id * 10) }), default);
        }

        return (role, collection, term);
    }

    private static ImmutableArray<SegmentId> Ids(params long[] ids) => [.. ids.Select(i => new SegmentId(i))];

    private static SegmentRecord Record(CollectionRecord c, long id, SegmentState state) => new()
    {
        Id = new SegmentId(id), Collection = c.Id, Partition = c.Partitions[0].Id, Channel = c.Channels[0], State = state,
    };

    private static BeginCompaction Begin(CollectionRecord c, Term term, params long[] inputs) => Begin(c, term, inputs, Output.Value);

    private static BeginCompaction Begin(CollectionRecord c, Term term, long[] inputs, long id) =>
        new(c.Channels[0], term, Record(c, id, SegmentState.Compacting) with { CompactedFrom = Ids(inputs) });

    private static CommitCompaction Commit(CollectionRecord c, Term term, params long[] inputs) => Commit(c, term, inputs, Output.Value);

    private static CommitCompaction Commit(CollectionRecord c, Term term, long[] inputs, long id) =>
        new(c.Channels[0], term, Record(c, id, SegmentState.Flushed) with { ManifestPath = "m900", Rows = 20, CompactedFrom = Ids(inputs) }, 0);

    private static async Task<SegmentRecord?> SegmentAsync(World world, CollectionRecord c, long id) =>
        CatalogSnapshot.Of(await world.Meta.RangeAsync("", default)).FindSegment(c.Id, new SegmentId(id));
}
