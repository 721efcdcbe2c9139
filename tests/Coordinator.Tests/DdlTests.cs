using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Schema;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.Coordinator.Tests;

public sealed class DdlTests
{
    private static async Task<CollectionRecord?> FindAsync(World world, string name) =>
        CatalogSnapshot.Of(await world.Meta.RangeAsync("", default)).FindCollection("default", name);

    [Fact]
    public async Task Create_reaches_every_shard_before_it_is_visible()
    {
        using var world = new World();
        var role = await world.StartAsync();
        await role.ExecuteAsync(World.Collection("books", shards: 3), default);
        var record = await FindAsync(world, "books");
        Assert.Equal(DdlState.Created, record!.State);
        Assert.Equal(record.Channels, world.Log.Appended.Select(a => a.Channel));
        Assert.All(world.Log.Appended, a => Assert.Equal(record.Id, Assert.IsType<CreateCollectionBody>(a.Body).Collection));
        Assert.Equal([100L, 101L], record.Schema.Fields.Select(f => f.Id.Value));
    }

    [Fact]
    public async Task A_create_that_did_not_reach_its_shards_is_finished_by_the_next_start()
    {
        using var world = new World();
        var role = await world.StartAsync();
        world.Log.IsDown = true;
        await Assert.ThrowsAsync<MiniMilvusException>(async () => await role.ExecuteAsync(World.Collection("books"), default));
        Assert.Equal(DdlState.Creating, (await FindAsync(world, "books"))?.State ?? DdlState.Creating);
        world.Log.IsDown = false;

        var next = await world.StartAsync();
        var running = next.RunAsync(world.Stop);
        while ((await FindAsync(world, "books"))?.State != DdlState.Created)
        {
            Assert.False(running.IsFaulted, running.Exception?.ToString());
            await Task.Yield();
        }

        Assert.Single(world.Log.Appended);
    }

    [Fact]
    public async Task Creating_the_same_again_succeeds_and_another_schema_is_a_conflict()
    {
        using var world = new World();
        var role = await world.StartAsync();
        await role.ExecuteAsync(World.Collection("books"), default);
        await role.ExecuteAsync(World.Collection("books"), default);
        var e = await Assert.ThrowsAsync<MiniMilvusException>(async () => await role.ExecuteAsync(World.Collection("books", dim: 8), default));
        Assert.Equal(ErrorReason.CollectionAlreadyExists, e.Reason);
        Assert.Single(world.Log.Appended);
    }

    [Fact]
    public async Task Drop_leaves_nothing_behind_but_the_message()
    {
        using var world = new World();
        var role = await world.StartAsync();
        await role.ExecuteAsync(World.Collection("books"), default);
        var record = (await FindAsync(world, "books"))!;
        var path = $"segments/{record.Id}/1/2/100-1.col";
        await world.Objects.PutAsync(path, new(new byte[3]), Storage.Objects.PutCondition.Always, default);
        await role.ExecuteAsync(new DropCollection("default", "books"), default);
        Assert.Null(await FindAsync(world, "books"));
        Assert.Null(await world.Objects.HeadAsync(path, default));
        Assert.IsType<DropCollectionBody>(world.Log.Appended[^1].Body);
        Assert.Null(await world.Meta.GetAsync(CatalogKeys.Collection(record.Id), default));
    }

    [Fact]
    public async Task An_alias_moves_in_one_step_and_protects_its_collection()
    {
        using var world = new World();
        var role = await world.StartAsync();
        await role.ExecuteAsync(World.Collection("v1"), default);
        await role.ExecuteAsync(World.Collection("v2"), default);
        await role.ExecuteAsync(new CreateAlias("default", "v1", "books"), default);
        await role.ExecuteAsync(new AlterAlias("default", "v2", "books"), default);
        Assert.Equal("v2", (await FindAsync(world, "books"))!.Name);
        await Assert.ThrowsAsync<MiniMilvusException>(async () => await role.ExecuteAsync(new DropCollection("default", "v2"), default));
        await role.ExecuteAsync(new DropAlias("default", "books"), default);
        await role.ExecuteAsync(new DropCollection("default", "v2"), default);
    }

    [Theory]
    [InlineData("", "name")]
    [InlineData("9lives", "letter or underscore")]
    [InlineData("a b", "letter or underscore")]
    public async Task Bad_names_are_refused_with_what_was_expected(string name, string expected)
    {
        using var world = new World();
        var role = await world.StartAsync();
        var e = await Assert.ThrowsAsync<MiniMilvusException>(async () => await role.ExecuteAsync(World.Collection(name), default));
        Assert.Equal(ErrorKind.Invalid, e.Kind);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.Empty(world.Log.Appended);
    }

    [Fact]
    public async Task Loading_without_a_vector_index_names_the_field()
    {
        using var world = new World();
        var role = await world.StartAsync();
        await role.ExecuteAsync(World.Collection("books"), default);
        var e = await Assert.ThrowsAsync<MiniMilvusException>(async () => await role.ExecuteAsync(new LoadCollection("default", "books"), default));
        Assert.Equal(ErrorReason.IndexNotFound, e.Reason);
        Assert.Contains("vector", e.Message, StringComparison.Ordinal);
        await role.ExecuteAsync(new CreateIndex("default", "books", "vector", "", ImmutableSortedDictionary<string, string>.Empty.Add("metric_type", "L2")), default);
        await role.ExecuteAsync(new LoadCollection("default", "books"), default);
        var record = await FindAsync(world, "books");
        Assert.True(record!.IsLoaded);
        Assert.Equal(MetricType.L2, Assert.Single(record.Indexes).Metric);
    }
}
