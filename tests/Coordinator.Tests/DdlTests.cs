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

    [Theory]
    [InlineData("vector", "FOO", "", "invalid parameter[expected=valid index][actual=invalid index type: FOO]")]
    [InlineData("id", "FOO", "", "invalid parameter[expected=valid index][actual=invalid index type: FOO]")]
    [InlineData("id", "HNSW", "", "index HNSW only supports vector data type: invalid parameter")]
    [InlineData("vector", "INVERTED", "", "index INVERTED is not supported on FloatVector field: invalid parameter")]
    [InlineData("vector", "HNSW", """{"M": -1}""", "Out of range in json: param 'M' (-1) should be in range [2, 2048]: invalid parameter")]
    [InlineData("vector", "HNSW", """{"M": 2049}""", "Out of range in json: param 'M' (2049) should be in range [2, 2048]: invalid parameter")]
    [InlineData("vector", "HNSW", """{"M": true}""", "invalid integer value, key: 'M', value: 'True': invalid parameter")]
    [InlineData("vector", "HNSW", """{"M": [16]}""", "invalid integer value, key: 'M', value: '[16]': invalid parameter")]
    [InlineData("vector", "HNSW", """{"M": 16.0}""", "param 'M' (16.0) should be integer: wrong data type in json: invalid parameter")]
    [InlineData("vector", "HNSW", """{"efConstruction": 0}""", "Out of range in json: param 'efConstruction' (0) should be in range [1, 2147483647]: invalid parameter")]
    [InlineData("vector", "HNSW_SQ", """{"M": 1}""", "Out of range in json: param 'M' (1) should be in range [2, 2048]: invalid parameter")]
    [InlineData("vector", "HNSW_SQ", """{"sq_type": "FP32"}""", "invalid scalar quantizer type: invalid parameter")]
    [InlineData("vector", "HNSW_SQ", """{"refine": 1}""", "param 'refine' (1) should be a boolean: invalid parameter")]
    [InlineData("vector", "HNSW_SQ", """{"refine_type": "INT8"}""", "invalid refine type : INT8, optional types are [sq4u, sq6, sq8, fp16, bf16, fp32, flat]: invalid parameter")]
    [InlineData("vector", "IVF_FLAT", """{"nlist": 65537}""", "Out of range in json: param 'nlist' (65537) should be in range [1, 65536]: invalid parameter")]
    [InlineData("vector", "HNSW", "[1]", "index params: expected a JSON object, found '[1]'")]
    public async Task Bad_index_parameters_are_refused_in_Milvuss_words(string field, string type, string json, string expected)
    {
        using var world = new World();
        var role = await world.StartAsync();
        await role.ExecuteAsync(World.Collection("books"), default);
        var parameters = ImmutableSortedDictionary<string, string>.Empty.Add("index_type", type).Add("metric_type", "L2").Add("params", json);
        var e = await Assert.ThrowsAsync<MiniMilvusException>(async () => await role.ExecuteAsync(new CreateIndex("default", "books", field, "", parameters), default));
        Assert.Equal((ErrorReason.InvalidParameter, expected), (e.Reason, e.Message));
        Assert.Empty((await FindAsync(world, "books"))!.Indexes);
    }

    [Theory]
    [InlineData("HNSW", """{"M": "16", "efConstruction": null, "unknown": "nothing"}""")]
    [InlineData("hnsw", "")]
    [InlineData("HNSW_SQ", """{"M": 2, "efConstruction": 2147483647, "sq_type": "bf16", "refine": "true", "refine_type": "FP32"}""")]
    [InlineData("IVF_FLAT", """{"nlist": 1}""")]
    [InlineData("FLAT", "")]
    [InlineData("", "")]
    public async Task Index_types_and_parameters_within_bounds_are_taken_and_kept_as_they_came(string type, string json)
    {
        using var world = new World();
        var role = await world.StartAsync();
        await role.ExecuteAsync(World.Collection("books"), default);
        var parameters = ImmutableSortedDictionary<string, string>.Empty.Add("index_type", type).Add("params", json);
        var command = new CreateIndex("default", "books", "vector", "", parameters);
        await role.ExecuteAsync(command, default);
        await role.ExecuteAsync(command, default);
        var index = Assert.Single((await FindAsync(world, "books"))!.Indexes);
        Assert.Equal((type.Length == 0 ? "AUTOINDEX" : type.ToUpperInvariant(), json), (index.IndexType, index.Params["params"]));
    }

    [Fact]
    public async Task A_second_index_that_differs_only_in_its_parameters_is_refused()
    {
        using var world = new World();
        var role = await world.StartAsync();
        await role.ExecuteAsync(World.Collection("books"), default);
        var parameters = ImmutableSortedDictionary<string, string>.Empty.Add("index_type", "HNSW").Add("M", "16");
        await role.ExecuteAsync(new CreateIndex("default", "books", "vector", "", parameters), default);
        await role.ExecuteAsync(new CreateIndex("default", "books", "vector", "", parameters.Remove("M").Add("params", """{"M": 16}""")), default);
        var e = await Assert.ThrowsAsync<MiniMilvusException>(async () => await role.ExecuteAsync(new CreateIndex("default", "books", "vector", "", parameters.SetItem("M", "8")), default));
        Assert.Equal(ErrorReason.IndexAlreadyExists, e.Reason);
        Assert.Contains("at most one distinct index is allowed per field", e.Message, StringComparison.Ordinal);
    }
}
