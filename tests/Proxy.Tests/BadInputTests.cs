using Google.Protobuf;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Contracts.Wire.Schema;
using static MiniMilvus.Proxy.Tests.Wire;

namespace MiniMilvus.Proxy.Tests;

/// <summary>Bad input is refused with both codes and a reason; nothing is written and the service goes on.</summary>
public sealed class BadInputTests
{
    private static readonly FieldSchema[] Fields =
    [
        Int64Key(), Vector(), VarChar("title", maxLength: 4), Scalar("small", DataType.Int8), Scalar("doc", DataType.Json, nullable: true), Scalar("ratio", DataType.Float, nullable: true),
    ];

    public static TheoryData<string, string[]> BadInserts() => new()
    {
        { "wrong dimension", ["'vector'", "dim 2", "dim 3"] },
        { "wrong number of floats", ["'vector'", "2 vectors of dim 2 (4 floats)", "3 floats"] },
        { "columns of different lengths", ["'title'", "expected 2", "found 3"] },
        { "unknown field", ["colour", "not exist"] },
        { "field twice", ["'title'", "twice"] },
        { "missing field", ["'title'", "no such column"] },
        { "missing key", ["'id'", "no such column"] },
        { "nan", ["'vector'", "row 1", "finite", "NaN"] },
        { "infinity", ["'vector'", "row 0", "finite", "Infinity"] },
        { "text too long", ["'title'", "row 1", "at most 4 bytes", "found 6"] },
        { "int8 out of range", ["'small'", "row 0", "-128 to 127", "300"] },
        { "json that is none", ["'doc'", "row 0", "expected JSON"] },
        { "wrong type", ["'title'", "expected data of type VarChar", "found Int64"] },
        { "oneof of another type", ["'title'", "expected values of type VarChar", "LongData"] },
        { "null where none may be", ["'title'", "row 1 is null", "not nullable"] },
        { "valid_data of another length", ["'doc'", "2 flags", "found 1"] },
        { "values not compacted", ["'doc'", "expected 1 values that are not null", "found 2"] },
        { "no rows", ["num_rows", "at least 1", "found 0"] },
        { "dynamic without dynamic field", ["dynamic field"] },
        { "scalar nan", ["'ratio'", "row 1", "finite"] },
    };

    [Theory]
    [MemberData(nameof(BadInserts))]
    public async Task A_bad_insert_is_refused_and_nothing_is_written(string what, string[] words)
    {
        await using var world = new Harness();
        Ok(await world.Service.CreateCollection(Create("c", fields: Fields), world.Call()));
        var result = await world.Service.Insert(Bad(what), world.Call());
        Assert.NotEqual(0, result.Status.Code);
        Assert.NotEqual(ErrorCode.Success, result.Status.ErrorCode);
        Assert.False(result.Status.Retriable);
        Assert.All(words, w => Assert.Contains(w, result.Status.Reason, StringComparison.Ordinal));
        Assert.NotNull(result.IDs);
        Assert.Empty(world.Log.Appends);
        Ok((await world.Service.Insert(Good(), world.Call())).Status);
        Assert.DoesNotContain(world.Lines.Lines, l => l.Text.Contains("INTERNAL", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""[1]""", "JSON object")]
    [InlineData("""{"a":""", "expected JSON")]
    [InlineData("""{"id":3}""", "the key 'id' is the name of a field")]
    [InlineData("", "expected JSON")]
    public async Task A_dynamic_value_that_is_no_object_of_its_own_keys_is_refused(string json, string word)
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c", dynamic: true), world.Call());
        var request = Rows("c", 1, 1);
        request.FieldsData.Add(Json("$meta", true, json));
        Refused((await world.Service.Insert(request, world.Call())).Status, 1100, ErrorCode.IllegalArgument, word);
        Assert.Empty(world.Log.Appends);
    }

    [Fact]
    public async Task An_unknown_collection_is_reported_with_code_100_everywhere()
    {
        await using var world = new Harness();
        var reasons = new[]
        {
            (await world.Service.Insert(Rows("nope", 1, 1), world.Call())).Status,
            (await world.Service.Upsert(UpsertOf("nope", 1, Longs("id", 1)), world.Call())).Status,
            (await world.Service.Delete(new DeleteRequest { CollectionName = "nope", Expr = "id in [1]" }, world.Call())).Status,
            (await world.Service.Search(SearchOf("nope", [1, 2], 3), world.Call())).Status,
            (await world.Service.Query(QueryOf("nope", "id in [1]"), world.Call())).Status,
            (await world.Service.DescribeCollection(new DescribeCollectionRequest { CollectionName = "nope" }, world.Call())).Status,
            (await world.Service.Flush(new FlushRequest { CollectionNames = { "nope" } }, world.Call())).Status,
            await world.Service.LoadCollection(new LoadCollectionRequest { CollectionName = "nope" }, world.Call()),
            (await world.Service.GetCollectionStatistics(new GetCollectionStatisticsRequest { CollectionName = "nope" }, world.Call())).Status,
        };
        Assert.All(reasons, status => Refused(status, 100, ErrorCode.CollectionNotExists, "can't find collection", "nope"));
    }

    [Theory]
    [InlineData("id >")]
    [InlineData("id in [1, 2")]
    [InlineData("(id == 1")]
    [InlineData("id == 1 and")]
    [InlineData("title == 'abc")]
    public async Task A_malformed_expression_says_where_and_what_was_expected(string expr)
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c", fields: [Int64Key(), Vector(), VarChar("title")]));
        var search = SearchOf("c", [1, 2], 3);
        search.Dsl = expr;
        foreach (var status in new[]
        {
            (await world.Service.Query(QueryOf("c", expr, "id"), world.Call())).Status,
            (await world.Service.Search(search, world.Call())).Status,
            (await world.Service.Delete(new DeleteRequest { CollectionName = "c", Expr = expr }, world.Call())).Status,
        })
        {
            Refused(status, 1100, ErrorCode.IllegalArgument, "expected");
            Assert.Matches("position|column|character|at \\d", status.Reason);
        }

        Assert.Empty(world.Log.Appends);
        Ok((await world.Service.Query(QueryOf("c", "id in [1]", "id"), world.Call())).Status);
    }

    [Fact]
    public async Task An_expression_over_an_unknown_field_is_refused()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        var status = (await world.Service.Query(QueryOf("c", "colour == 3", "id"), world.Call())).Status;
        Assert.NotEqual(0, status.Code);
        Assert.Contains("colour", status.Reason, StringComparison.Ordinal);
    }

    public static TheoryData<string, string, string> BadSearchParams() => new()
    {
        { "topk", "0", "16384" },
        { "topk", "16385", "16384" },
        { "topk", "many", "integer" },
        { "offset", "-1", "offset" },
        { "offset", "16384", "16384" },
        { "metric_type", "IP", "expected=L2" },
        { "metric_type", "HAMMING", "expected=L2" },
        { "params", "{ef:", "JSON" },
        { "params", """{"ef": "x"}""", "Type conflict in json: param 'ef' (x) should be integer" },
        { "params", """{"ef": 32.0}""", "Type conflict in json: param 'ef' (32.0) should be integer" },
        { "params", """{"ef": true}""", "Type conflict in json: param 'ef' (true) should be integer" },
        { "params", """{"ef": 0}""", "Out of range in json: param 'ef' (0) should be in range [1, 2147483647]" },
        { "params", """{"refine_k": 0}""", "Out of range in json: param 'refine_k' (0)" },
        { "params", """{"radius": "far"}""", "radius" },
        { "params", """{"radius": 1.0, "range_filter": 2.0}""", "range_filter" },
        { "params", """{"range_filter": 2.0}""", "radius" },
        { "params", """{"nprobe": 0}""", "Out of range in json: param 'nprobe' (0) should be in range [1, 65536]" },
        { "params", """{"nprobe": 65537}""", "Out of range in json: param 'nprobe' (65537) should be in range [1, 65536]" },
        { "round_decimal", "9", "round_decimal" },
        { "ignore_growing", "maybe", "ignore_growing" },
        { "anns_field", "nope", "nope" },
        { "anns_field", "id", "expected a vector field" },
    };

    [Theory]
    [MemberData(nameof(BadSearchParams))]
    public async Task A_bad_search_parameter_names_itself(string key, string value, string word)
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        var request = SearchOf("c", [1, 2], 3);
        request.SearchParams.Add(Pair(key, value));
        var result = await world.Service.Search(request, world.Call());
        Assert.NotEqual(0, result.Status.Code);
        Assert.Contains(word, result.Status.Reason, StringComparison.Ordinal);
        Assert.NotNull(result.Results);
        Assert.Empty(world.Node.Searches);
    }

    [Fact]
    public async Task Bad_query_vectors_are_refused()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        Refused((await world.Service.Search(SearchOf("c", [1, 2, 3], 3), world.Call())).Status, 1100, ErrorCode.IllegalArgument, "dim 2", "dim 3");
        Refused((await world.Service.Search(SearchOf("c", [1, float.NaN], 3), world.Call())).Status, 1100, ErrorCode.IllegalArgument, "finite", "NaN");
        var request = SearchOf("c", [1, 2], 3);
        request.PlaceholderGroup = ByteString.CopyFromUtf8("nonsense!");
        Refused((await world.Service.Search(request, world.Call())).Status, 1100, ErrorCode.IllegalArgument, "placeholder");
        request.PlaceholderGroup = Placeholder(PlaceholderType.BinaryVector, [1f, 2f]);
        Refused((await world.Service.Search(request, world.Call())).Status, 1100, ErrorCode.IllegalArgument, "float vectors", "BinaryVector");
        request.PlaceholderGroup = Placeholder(vectors: [1f, 2f]);
        request.Nq = 2;
        Refused((await world.Service.Search(request, world.Call())).Status, 1100, ErrorCode.IllegalArgument, "nq");
    }

    [Fact]
    public async Task What_is_not_supported_says_so_and_is_never_ignored()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        Refused((await world.Service.Search(SearchOf("c", [1, 2], 3, ("group_by_field", "id")), world.Call())).Status, 3000, ErrorCode.UnexpectedError, "group_by_field");
        var byIds = SearchOf("c", [1, 2], 3);
        byIds.Ids = new IDs { IntId = new LongArray { Data = { 1 } } };
        Refused((await world.Service.Search(byIds, world.Call())).Status, 3000, ErrorCode.UnexpectedError, "ids");
        var partial = UpsertOf("c", 1, Longs("id", 1));
        partial.PartialUpdate = true;
        Refused((await world.Service.Upsert(partial, world.Call())).Status, 3000, ErrorCode.UnexpectedError, "partial_update");
        Refused(await world.Service.CreateCollection(Create("b", fields: [Int64Key(), Scalar("bits", DataType.BinaryVector)]), world.Call()), 3000, ErrorCode.UnexpectedError, "'bits'", "BinaryVector");
    }

    private static InsertRequest Good() => Request(Longs("id", 1, 2), Vectors("vector", 2, 1, 2, 3, 4), Texts("title", "a", "b"), Ints("small", DataType.Int8, 1, 2));

    private static InsertRequest Request(params FieldData[] fields) => InsertOf("c", 2, fields);

    private static InsertRequest Bad(string what)
    {
        FieldData id = Longs("id", 1, 2), vector = Vectors("vector", 2, 1, 2, 3, 4), title = Texts("title", "a", "b"), small = Ints("small", DataType.Int8, 1, 2);
        var floats = new FieldData { Type = DataType.Float, FieldName = "ratio", Scalars = new ScalarField { FloatData = new FloatArray { Data = { 1f, float.NaN } } } };
        var mixed = Longs("title", 1, 2);
        mixed.Type = DataType.VarChar;
        return what switch
        {
            "wrong dimension" => Request(id, Vectors("vector", 3, 1, 2, 3, 4, 5, 6), title, small),
            "wrong number of floats" => Request(id, Vectors("vector", 2, 1, 2, 3), title, small),
            "columns of different lengths" => Request(id, vector, Texts("title", "a", "b", "c"), small),
            "unknown field" => Request(id, vector, title, small, Texts("colour", "a", "b")),
            "field twice" => Request(id, vector, title, title.Clone(), small),
            "missing field" => Request(id, vector, small),
            "missing key" => Request(vector, title, small),
            "nan" => Request(id, Vectors("vector", 2, 1, 2, 3, float.NaN), title, small),
            "infinity" => Request(id, Vectors("vector", 2, 1, float.PositiveInfinity, 3, 4), title, small),
            "text too long" => Request(id, vector, Texts("title", "abcd", "äöü"), small),
            "int8 out of range" => Request(id, vector, title, Ints("small", DataType.Int8, 300, 2)),
            "json that is none" => Request(id, vector, title, small, Json("doc", false, "{nope", "1")),
            "wrong type" => Request(id, vector, Longs("title", 1, 2), small),
            "oneof of another type" => Request(id, vector, mixed, small),
            "null where none may be" => Request(id, vector, Texts("title", "a").WithValid(true, false), small),
            "valid_data of another length" => Request(id, vector, title, small, Json("doc", false, "1", "2").WithValid(true)),
            "values not compacted" => Request(id, vector, title, small, Json("doc", false, "1", "2").WithValid(true, false)),
            "no rows" => InsertOf("c", 0, id, vector, title, small),
            "dynamic without dynamic field" => Request(id, vector, title, small, Json("$meta", true, "{}", "{}")),
            "scalar nan" => Request(id, vector, title, small, floats),
            _ => throw new NotSupportedException(what),
        };
    }
}
