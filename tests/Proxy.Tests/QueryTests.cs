using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Core;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using static MiniMilvus.Proxy.Tests.Wire;

namespace MiniMilvus.Proxy.Tests;

public sealed class QueryTests
{
    [Fact]
    public async Task Query_returns_the_key_unasked_and_rows_in_key_order()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c", shards: 2));
        await world.Service.Insert(Rows("c", 1, 10), world.Call());
        var result = await world.Service.Query(QueryOf("c", "id in [7, 3]", "vector"), world.Call());
        Ok(result.Status);
        Assert.Equal(["vector", "id"], result.FieldsData.Select(f => f.FieldName));
        Assert.Equal([3L, 7L], result.FieldsData[1].Scalars.LongData.Data);
        Assert.Equal([100L], result.FieldsData.Where(f => f.FieldName == "id").Select(f => f.FieldId));
        Assert.Equal("id", result.PrimaryFieldName);
        Assert.True(result.SessionTs > 0);
    }

    [Fact]
    public async Task No_rows_still_bring_typed_columns()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        var result = await world.Service.Query(QueryOf("c", "id in [7]", "*"), world.Call());
        Assert.Equal(ScalarField.DataOneofCase.LongData, result.FieldsData[0].Scalars.DataCase);
        Assert.Equal(VectorField.DataOneofCase.FloatVector, result.FieldsData[1].Vectors.DataCase);
    }

    [Fact]
    public async Task Nulls_come_back_at_full_length_with_their_flags()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c", fields: [Int64Key(), Vector(), VarChar("note", nullable: true)]));
        await world.Service.Insert(InsertOf("c", 3, Longs("id", 1, 2, 3), Vectors("vector", 2, 1, 2, 3, 4, 5, 6), Texts("note", "a", "c").WithValid(true, false, true)), world.Call());
        var note = (await world.Service.Query(QueryOf("c", "id in [1, 2, 3]", "note"), world.Call())).FieldsData[0];
        Assert.Equal(["a", "", "c"], note.Scalars.StringData.Data);
        Assert.Equal([true, false, true], note.ValidData);
    }

    [Fact]
    public async Task Count_is_one_number_and_takes_no_limit()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c", shards: 2));
        await world.Service.Insert(Rows("c", 1, 25), world.Call());
        var result = await world.Service.Query(QueryOf("c", "", "count(*)"), world.Call());
        var column = Assert.Single(result.FieldsData);
        Assert.Equal(("count(*)", Contracts.Wire.Schema.DataType.Int64), (column.FieldName, column.Type));
        Assert.Equal([25L], column.Scalars.LongData.Data);
        var limited = QueryOf("c", "", "count(*)");
        limited.QueryParams.Add(Pair("limit", "3"));
        Refused((await world.Service.Query(limited, world.Call())).Status, 1100, ErrorCode.IllegalArgument, "limit");
    }

    [Fact]
    public async Task An_empty_expression_needs_a_limit()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        await world.Service.Insert(Rows("c", 1, 10), world.Call());
        var request = QueryOf("c", "", "id");
        Refused((await world.Service.Query(request, world.Call())).Status, 1100, ErrorCode.IllegalArgument, "limit");
        request.QueryParams.Add([Pair("limit", "3"), Pair("offset", "2"), Pair("iterator", "True"), Pair("reduce_stop_for_best", "True")]);
        Assert.Equal([3L, 4L, 5L], (await world.Service.Query(request, world.Call())).FieldsData[0].Scalars.LongData.Data);
        request.QueryParams[0].Value = "20000";
        Refused((await world.Service.Query(request, world.Call())).Status, 1100, ErrorCode.IllegalArgument, "16384");
    }

    [Fact]
    public async Task Delete_by_key_writes_to_the_shards_of_the_keys_without_reading()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c", shards: 2));
        await world.Service.Insert(Rows("c", 1, 10), world.Call());
        world.Log.Appends.Clear();
        var result = await world.Service.Delete(new DeleteRequest { CollectionName = "c", Expr = "id in [1, 2, 3, 2]" }, world.Call());
        Ok(result.Status);
        Assert.Equal(3, result.DeleteCnt);
        Assert.Equal(IDs.IdFieldOneofCase.IntId, result.IDs.IdFieldCase);
        Assert.True(result.Timestamp > 0);
        Assert.Empty(world.Node.Retrieves);
        Assert.Equal([1L, 2L, 3L], world.Log.Bodies.Cast<DeleteBody>().SelectMany(d => ((ScalarColumn<long>)d.Keys).Values.ToArray()).Order());
    }

    [Fact]
    public async Task Delete_by_expression_reads_the_matching_keys_strongly_first()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c", fields: [VarCharKey(), Vector()]));
        await world.Service.Insert(InsertOf("c", 2, Texts("id", "a", "b"), Vectors("vector", 2, 1, 2, 3, 4)), world.Call());
        var request = new DeleteRequest { CollectionName = "c", Expr = "id > {low}" };
        request.ExprTemplateValues["low"] = new TemplateValue { StringVal = "a" };
        var before = world.Coordinator.LastGranted;
        var result = await world.Service.Delete(request, world.Call());
        Ok(result.Status);
        Assert.Equal(2, result.DeleteCnt); // the fake looks at filters by key only
        Assert.Equal(["a", "b"], ((StringColumn)world.Log.Bodies.OfType<DeleteBody>().Single().Keys).Values.ToArray());
        var read = Assert.Single(world.Node.Retrieves);
        Assert.True(read.Guarantee > before);
        Assert.Contains("'a'", read.Filter.Replace('"', '\''), StringComparison.Ordinal);
        Assert.True(result.Timestamp > 0);
        Assert.Equal(IDs.IdFieldOneofCase.StrId, result.IDs.IdFieldCase);
    }

    [Fact]
    public async Task Delete_in_a_partition_names_it_and_an_empty_expression_is_refused()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        Ok((await world.Service.Delete(new DeleteRequest { CollectionName = "c", Expr = "id == 4", PartitionName = "_default" }, world.Call())).Status);
        Assert.NotEqual(PartitionId.All, ((DeleteBody)world.Log.Bodies.Single()).Partition);
        Refused((await world.Service.Delete(new DeleteRequest { CollectionName = "c" }, world.Call())).Status, 1100, ErrorCode.IllegalArgument, "expression");
    }

    [Fact]
    public async Task Statistics_count_what_is_loaded_or_else_what_is_flushed()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        await world.Service.Insert(Rows("c", 1, 12), world.Call());
        var asked = new GetCollectionStatisticsRequest { CollectionName = "c" };
        Assert.Equal([("row_count", "12")], (await world.Service.GetCollectionStatistics(asked, world.Call())).Stats.Select(s => (s.Key, s.Value)));
        Ok(await world.Service.ReleaseCollection(new ReleaseCollectionRequest { CollectionName = "c" }, world.Call()));
        Assert.Equal("0", (await world.Service.GetCollectionStatistics(asked, world.Call())).Stats[0].Value);
        Assert.Equal("0", (await world.Service.GetPartitionStatistics(new GetPartitionStatisticsRequest { CollectionName = "c", PartitionName = "_default" }, world.Call())).Stats[0].Value);
    }
}
