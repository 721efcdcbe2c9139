using System.Collections.Immutable;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Proxy.Reading;
using MiniMilvus.Proxy.Search;
using static MiniMilvus.Proxy.Tests.Wire;
using FieldId = MiniMilvus.Core.FieldId;
using SearchRequest = MiniMilvus.Contracts.Wire.Milvus.SearchRequest;

namespace MiniMilvus.Proxy.Tests;

public sealed class SearchTests
{
    [Fact]
    public async Task Search_answers_with_ids_scores_and_the_asked_for_columns()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        await world.Service.Insert(Rows("c", 1, 10), world.Call());
        var request = SearchOf("c", [3, 1], 2);
        request.OutputFields.Add("id");
        var result = await world.Service.Search(request, world.Call());
        Ok(result.Status);
        Assert.Equal([3L], result.Results.Ids.IntId.Data.Take(1));
        Assert.Equal([0f, 1f], result.Results.Scores);
        Assert.Equal([2L], result.Results.Topks);
        Assert.Equal((1L, 2L), (result.Results.NumQueries, result.Results.TopK));
        Assert.Equal("id", result.Results.PrimaryFieldName);
        Assert.Equal(["id"], result.Results.FieldsData.Select(f => f.FieldName));
        Assert.Equal(result.Results.Ids.IntId.Data, result.Results.FieldsData[0].Scalars.LongData.Data);
        Assert.Equal("c", result.CollectionName);
        Assert.True(result.SessionTs > 0);
        Assert.Null(result.Results.SearchIteratorV2Results);
    }

    [Fact]
    public async Task Without_output_fields_there_is_no_column_and_with_a_star_there_are_all()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c", dynamic: true));
        await world.Service.Insert(Rows("c", 1, 3), world.Call());
        Assert.Empty((await world.Service.Search(SearchOf("c", [3, 1], 2), world.Call())).Results.FieldsData);
        var request = SearchOf("c", [3, 1], 2);
        request.OutputFields.Add("*");
        var results = (await world.Service.Search(request, world.Call())).Results;
        Assert.Equal(["id", "vector", "$meta"], results.FieldsData.Select(f => f.FieldName));
        Assert.Equal(["id", "vector", "$meta"], results.OutputFields);
        Assert.True(results.FieldsData[2].IsDynamic);
        Assert.Equal(4, results.FieldsData[1].Vectors.FloatVector.Data.Count);
        Assert.Equal(2, results.FieldsData[1].Vectors.Dim);
    }

    [Fact]
    public async Task A_dynamic_key_brings_the_dynamic_column_with_that_key_only()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c", dynamic: true));
        var insert = Rows("c", 1, 1);
        insert.FieldsData.Add(Json("$meta", true, """{"color":"red","size":4,"shape":"round"}"""));
        Ok((await world.Service.Insert(insert, world.Call())).Status);
        var request = SearchOf("c", [3, 1], 2);
        request.OutputFields.Add(["color", "$meta[\"size\"]"]);
        var results = (await world.Service.Search(request, world.Call())).Results;
        var meta = Assert.Single(results.FieldsData);
        Assert.Equal(("$meta", true), (meta.FieldName, meta.IsDynamic));
        Assert.Equal("""{"color":"red","size":4}""", meta.Scalars.JsonData.Data[0].ToStringUtf8());
        Assert.Equal(["color", "size"], results.OutputFields);
    }

    [Fact]
    public async Task An_unknown_output_field_without_a_dynamic_field_is_an_error()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        var request = SearchOf("c", [3, 1], 2);
        request.OutputFields.Add("color");
        Refused((await world.Service.Search(request, world.Call())).Status, 1700, ErrorCode.UnexpectedError, "field color not exist");
    }

    [Fact]
    public async Task An_empty_result_still_has_typed_columns_and_ids()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c", fields: [VarCharKey(), Vector(), Scalar("n", Contracts.Wire.Schema.DataType.Int32)]));
        var request = SearchOf("c", [3, 1], 2);
        request.OutputFields.Add("*");
        var result = await world.Service.Search(request, world.Call());
        Assert.Equal([0L], result.Results.Topks);
        Assert.Equal(IDs.IdFieldOneofCase.StrId, result.Results.Ids.IdFieldCase);
        Assert.Equal(ScalarField.DataOneofCase.StringData, result.Results.FieldsData[0].Scalars.DataCase);
        Assert.Equal(VectorField.DataOneofCase.FloatVector, result.Results.FieldsData[1].Vectors.DataCase);
        Assert.Equal(ScalarField.DataOneofCase.IntData, result.Results.FieldsData[2].Scalars.DataCase);
        Assert.Equal(2, result.Results.FieldsData[1].Vectors.Dim);
    }

    [Fact]
    public async Task Parameters_reach_the_query_node()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"), metric: "COSINE");
        await world.Service.Insert(Rows("c", 1, 10), world.Call());
        var request = SearchOf("c", [3, 1], 5, ("params", """{"ef": "99", "radius": 0.2, "range_filter": 0.9}"""), ("offset", "3"), ("ignore_growing", "True"), ("metric_type", ""), ("round_decimal", "2"));
        request.Dsl = "id in {keys}";
        request.ExprTemplateValues["keys"] = new TemplateValue { ArrayVal = new TemplateArrayValue { LongData = new LongArray { Data = { 1, 2, 3, 4, 5 } } } };
        var result = await world.Service.Search(request, world.Call());
        Ok(result.Status);
        var sent = Assert.Single(world.Node.Searches);
        Assert.Equal((8, 99, 0.2f, 0.9f, true), (sent.TopK, sent.Ef, sent.Radius, sent.RangeFilter, sent.IgnoreGrowing));
        Assert.Contains("[1, 2, 3, 4, 5]", sent.Filter, StringComparison.Ordinal);
        Assert.Equal([2L], result.Results.Topks);
        Assert.All(result.Results.Scores, s => Assert.Equal(MathF.Round(s, 2), s));
    }

    [Theory]
    [InlineData("HNSW", 9, false), InlineData("HNSW_SQ", 9, false), InlineData("HNSW", 10, true), InlineData("AUTOINDEX", 9, true), InlineData("IVF_FLAT", 9, true)]
    public async Task The_beam_of_a_graph_is_not_narrower_than_what_is_asked_for(string type, int ef, bool isTaken)
    {
        await using var world = new Harness();
        Ok(await world.Service.CreateCollection(Create("c"), world.Call()));
        Ok(await world.Service.CreateIndex(new CreateIndexRequest { CollectionName = "c", FieldName = "vector", ExtraParams = { Pair("metric_type", "L2"), Pair("index_type", type) } }, world.Call()));
        Ok(await world.Service.LoadCollection(new LoadCollectionRequest { CollectionName = "c" }, world.Call()));
        var result = await world.Service.Search(SearchOf("c", [3, 1], 10, ("params", $$"""{"ef": {{ef}}, "refine_k": 2.5, "nprobe": 8}""")), world.Call());
        if (isTaken)
        {
            Ok(result.Status);
            Assert.Equal((ef, 2.5f), (world.Node.Searches.Single().Ef, world.Node.Searches.Single().RefineK));
            return;
        }

        Refused(result.Status, 1100, ErrorCode.IllegalArgument, $"ef({ef}) should be larger than k(10)");
        Assert.Empty(world.Node.Searches);
    }

    [Fact]
    public async Task Several_query_vectors_are_answered_one_after_the_other()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c", shards: 2));
        await world.Service.Insert(Rows("c", 1, 10), world.Call());
        var request = SearchOf("c", [3, 1], 2);
        request.PlaceholderGroup = Placeholder(vectors: [[3, 1], [9, 1]]);
        var result = await world.Service.Search(request, world.Call());
        Assert.Equal([2L, 2L], result.Results.Topks);
        Assert.Equal(3L, result.Results.Ids.IntId.Data[0]);
        Assert.Equal(9L, result.Results.Ids.IntId.Data[2]);
    }

    [Fact]
    public async Task A_collection_that_is_not_loaded_is_refused_with_code_101()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c"), world.Call());
        Refused((await world.Service.Search(SearchOf("c", [3, 1], 2), world.Call())).Status, 101, ErrorCode.UnexpectedError, "not loaded");
        Refused((await world.Service.Query(QueryOf("c", "id in [1]"), world.Call())).Status, 101, ErrorCode.UnexpectedError, "not loaded");
    }

    [Fact]
    public async Task With_several_vector_fields_one_must_be_named()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c", fields: [Int64Key(), Vector("a"), Vector("b")]), "L2", "a", "b");
        Refused((await world.Service.Search(SearchOf("c", [3, 1], 2), world.Call())).Status, 1100, ErrorCode.IllegalArgument, "anns_field", "a, b");
        Ok((await world.Service.Search(SearchOf("c", [3, 1], 2, ("anns_field", "b")), world.Call())).Status);
    }

    [Fact]
    public async Task When_no_node_serves_a_shard_the_search_fails_and_can_be_repeated()
    {
        await using var world = new Harness(router: w => new HalfRouter(w.Node));
        await world.LoadedAsync(Create("c", shards: 2));
        var result = await world.Service.Search(SearchOf("c", [3, 1], 2), world.Call());
        Refused(result.Status, 1, ErrorCode.NotReadyServe, "shards");
        Assert.True(result.Status.Retriable);
    }

    [Fact]
    public async Task Results_of_two_nodes_are_merged_best_first_with_offset()
    {
        await using var world = new Harness(router: w => new SplitRouter(w.Node));
        await world.LoadedAsync(Create("c", shards: 2));
        await world.Service.Insert(Rows("c", 0, 100), world.Call());
        var request = SearchOf("c", [50, 1], 4, ("offset", "1"));
        request.OutputFields.Add("*");
        var result = await world.Service.Search(request, world.Call());
        Ok(result.Status);
        Assert.Equal(2, world.Node.Searches.Count);
        Assert.Equal([1f, 1f, 4f, 4f], result.Results.Scores);
        Assert.Equal([49L, 51L, 48L, 52L], result.Results.Ids.IntId.Data);
        Assert.Equal(result.Results.Ids.IntId.Data, result.Results.FieldsData[0].Scalars.LongData.Data);
        Assert.Equal(49f, result.Results.FieldsData[1].Vectors.FloatVector.Data[0]);
    }

    [Fact]
    public void A_key_that_two_nodes_hold_comes_once_and_ties_break_by_key()
    {
        var a = Result([1, 3], [0.9f, 0.5f]);
        var b = Result([3, 2], [0.9f, 0.9f]);
        var merged = ResultReducer.Reduce([a, b], 1, MetricType.IP, 0, 10);
        Assert.Equal([1L, 3L, 2L], ((ScalarColumn<long>)merged.Keys).Values.ToArray());
        var swapped = ResultReducer.Reduce([b, a], 1, MetricType.IP, 0, 10);
        Assert.Equal([1L, 3L, 2L], ((ScalarColumn<long>)swapped.Keys).Values.ToArray());
    }

    [Fact]
    public void A_result_whose_counts_do_not_add_up_is_a_defect()
    {
        var broken = Result([1, 3], [0.9f, 0.5f]) with { Counts = [1] };
        Assert.Equal(ErrorKind.Internal, Assert.Throws<MiniMilvusException>(() => ResultReducer.Reduce([broken], 1, MetricType.IP, 0, 10)).Kind);
    }

    [Fact]
    public async Task Hybrid_search_ranks_by_reciprocal_rank()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c", fields: [Int64Key(), Vector("a"), Vector("b")]), "L2", "a", "b");
        await world.Service.Insert(InsertOf("c", 3, Longs("id", 1, 2, 3), Vectors("a", 2, 0, 0, 1, 0, 5, 0), Vectors("b", 2, 9, 0, 1, 0, 0, 0)), world.Call());
        var request = new HybridSearchRequest { CollectionName = "c", OutputFields = { "id" } };
        request.Requests.Add(SearchOf("c", [0, 0], 3, ("anns_field", "a")));
        request.Requests.Add(SearchOf("c", [0, 0], 3, ("anns_field", "b")));
        request.RankParams.Add([Pair("strategy", "rrf"), Pair("params", """{"k":60}"""), Pair("limit", "2")]);
        var result = await world.Service.HybridSearch(request, world.Call());
        Ok(result.Status);
        // Ranks: 1 → 1 and 3, 2 → 2 and 2, 3 → 3 and 1; 1 and 3 tie above 2 and the smaller key leads.
        Assert.Equal([1L, 3L], result.Results.Ids.IntId.Data);
        Assert.Equal((1f / 61) + (1f / 63), result.Results.Scores[0], 6);
        Assert.Equal([1L, 3L], result.Results.FieldsData[0].Scalars.LongData.Data);
        Assert.Equal(world.Node.Searches[0].Guarantee, world.Node.Searches[1].Guarantee);
    }

    [Fact]
    public async Task Hybrid_search_weighs_normalised_scores()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c", fields: [Int64Key(), Vector("a"), Vector("b")]), "COSINE", "a", "b");
        await world.Service.Insert(InsertOf("c", 2, Longs("id", 1, 2), Vectors("a", 2, 1, 0, 0, 1), Vectors("b", 2, 0, 1, 1, 0)), world.Call());
        var request = new HybridSearchRequest { CollectionName = "c" };
        request.Requests.Add(SearchOf("c", [1, 0], 2, ("anns_field", "a")));
        request.Requests.Add(SearchOf("c", [1, 0], 2, ("anns_field", "b")));
        request.RankParams.Add([Pair("strategy", "weighted"), Pair("params", """{"weights":[0.2, 0.8]}"""), Pair("limit", "2")]);
        var result = await world.Service.HybridSearch(request, world.Call());
        Assert.Equal([2L, 1L], result.Results.Ids.IntId.Data);
        Assert.Equal(0.9f, result.Results.Scores[0], 5);
        request.RankParams[1].Value = """{"weights":[0.2]}""";
        Refused((await world.Service.HybridSearch(request, world.Call())).Status, 1100, ErrorCode.IllegalArgument, "2 weights");
    }

    private static SearchResult Result(long[] keys, float[] scores) =>
        new([keys.Length], new ScalarColumn<long>(new FieldId(100), Core.Schema.DataType.Int64, keys), [.. scores], [], new Timestamp(9), default);

    private sealed class SplitRouter(IQueryNode node) : IQueryRouter
    {
        public IReadOnlyList<QueryTarget> For(Core.Catalog.CollectionRecord collection) => [.. collection.Channels.Select(c => new QueryTarget(node, [c]))];
    }

    private sealed class HalfRouter(IQueryNode node) : IQueryRouter
    {
        public IReadOnlyList<QueryTarget> For(Core.Catalog.CollectionRecord collection) => [new QueryTarget(node, [collection.Channels[0]])];
    }
}
