using System.Runtime.InteropServices;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Contracts.Wire.Schema;
using WireLevel = MiniMilvus.Contracts.Wire.Common.ConsistencyLevel;

namespace MiniMilvus.Client.Tests;

public sealed class ClientTests : IDisposable
{
    private readonly FakeServer _server = new();
    private readonly MilvusClient _client;
    private readonly MilvusCollection _books;

    public ClientTests()
    {
        _client = new MilvusClient(_server, TimeProvider.System);
        _books = _client.GetCollection("books");
    }

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task A_status_code_other_than_zero_is_an_exception_with_code_and_reason()
    {
        _server.Reply("DescribeCollection", new DescribeCollectionResponse { Status = new Status { Code = 100, Reason = "can't find collection", Retriable = true } });
        var error = await Assert.ThrowsAsync<MilvusException>(() => _books.DescribeAsync());
        Assert.Equal((100, true), (error.ErrorCode, error.IsRetriable));
        Assert.Contains("can't find collection", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_schema_goes_out_and_comes_back_the_same()
    {
        _server.Reply("CreateCollection", new Status());
        await _client.CreateCollectionAsync("books", new CollectionSchema
        {
            Description = "all of them",
            EnableDynamicFields = true,
            Fields =
            {
                FieldSchema.Create<long>("id", isPrimaryKey: true, autoId: true),
                FieldSchema.CreateVarchar("title", 200, nullable: true),
                FieldSchema.CreateFloatVector("vector", 8, "meaning"),
                FieldSchema.CreateArray<int>("years", 5),
            },
        });

        var schema = Contracts.Wire.Schema.CollectionSchema.Parser.ParseFrom(_server.Last<CreateCollectionRequest>().Schema);
        _server.Reply("DescribeCollection", new DescribeCollectionResponse { Schema = schema, CollectionName = "books" });
        var described = (await _books.DescribeAsync()).Schema;

        Assert.Equal(("all of them", true), (described.Description, described.EnableDynamicFields));
        Assert.Equal(["id", "title", "vector", "years"], described.Fields.Select(f => f.Name));
        Assert.True(described.Fields[0] is { IsPrimaryKey: true, AutoId: true, DataType: MilvusDataType.Int64 });
        Assert.True(described.Fields[1] is { MaxLength: 200, Nullable: true, DataType: MilvusDataType.VarChar });
        Assert.True(described.Fields[2] is { Dimension: 8, Description: "meaning", DataType: MilvusDataType.FloatVector });
        Assert.True(described.Fields[3] is { MaxCapacity: 5, ElementDataType: MilvusDataType.Int32 });
    }

    [Fact]
    public async Task Columns_are_sent_flat_and_the_rows_counted()
    {
        _server.Reply("Insert", Acked(5));
        ReadOnlyMemory<float>[] vectors = [new float[] { 1, 2 }, new float[] { 3, 4 }];
        await _books.InsertAsync([FieldData.Create("id", new long[] { 7, 8 }), FieldData.CreateVarChar("title", ["a", "b"]), FieldData.CreateFloatVector("vector", vectors)]);

        var request = _server.Last<InsertRequest>();
        Assert.Equal(2u, request.NumRows);
        Assert.Equal([7L, 8L], request.FieldsData[0].Scalars.LongData.Data);
        Assert.Equal(["a", "b"], request.FieldsData[1].Scalars.StringData.Data);
        Assert.Equal(2, request.FieldsData[2].Vectors.Dim);
        Assert.Equal([1f, 2f, 3f, 4f], request.FieldsData[2].Vectors.FloatVector.Data);
    }

    [Fact]
    public async Task Flat_vectors_are_sent_as_they_lie()
    {
        _server.Reply("Upsert", Acked(5));
        var column = FieldData.CreateFloatVector("vector", new float[] { 9, 1, 2, 3, 4 }.AsMemory(1), 2);
        Assert.Equal(2, column.RowCount);
        Assert.Equal([3f, 4f], column[1].ToArray());
        await _books.UpsertAsync([column]);
        Assert.Equal([1f, 2f, 3f, 4f], _server.Last<UpsertRequest>().FieldsData[0].Vectors.FloatVector.Data);
    }

    [Fact]
    public async Task Columns_of_different_length_are_refused_before_anything_is_sent()
    {
        await Assert.ThrowsAsync<ArgumentException>(() => _books.InsertAsync([FieldData.Create("id", new long[] { 1 }), FieldData.CreateVarChar("title", ["a", "b"])]));
        ReadOnlyMemory<float>[] uneven = [new float[2], new float[3]];
        Assert.Throws<ArgumentException>(() => FieldData.CreateFloatVector("vector", uneven));
        Assert.Throws<ArgumentException>(() => FieldData.CreateFloatVector("vector", new float[5], 2));
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task A_search_carries_vectors_parameters_and_filter()
    {
        _server.Reply("Search", FoundTwo());
        var parameters = new SearchParameters { OutputFields = { "title" }, Expression = "id > 3", Offset = 1, ExtraParameters = { ["ef"] = "64" } };
        var results = await _books.SearchAsync<float>("vector", [new float[] { 1, 2 }], SimilarityMetricType.Cosine, 3, parameters);

        var request = _server.Last<SearchRequest>();
        var sent = request.SearchParams.ToDictionary(p => p.Key, p => p.Value);
        Assert.Equal(("vector", "COSINE", "3", "1"), (sent["anns_field"], sent["metric_type"], sent["topk"], sent["offset"]));
        Assert.Equal("""{"ef":64}""", sent["params"]);
        Assert.Equal(("id > 3", DslType.BoolExprV1, 1L), (request.Dsl, request.DslType, request.Nq));
        var placeholder = Assert.Single(PlaceholderGroup.Parser.ParseFrom(request.PlaceholderGroup).Placeholders);
        Assert.Equal(PlaceholderType.FloatVector, placeholder.Type);
        Assert.Equal([1f, 2f], MemoryMarshal.Cast<byte, float>(placeholder.Values[0].Span).ToArray());

        Assert.Equal([4L, 2L], results.Ids.LongIds!);
        Assert.Equal([0.9f, 0.5f], results.Scores);
        Assert.Equal(["x", "y"], results.Field<string>("title").Data);
        Assert.Throws<InvalidOperationException>(() => results.Field<string>("author"));
    }

    [Theory]
    [InlineData(null, WireLevel.Strong, 42, true)]
    [InlineData(ConsistencyLevel.Strong, WireLevel.Strong, 0, false)]
    [InlineData(ConsistencyLevel.Session, WireLevel.Session, 42, false)]
    [InlineData(ConsistencyLevel.BoundedStaleness, WireLevel.Bounded, 2, false)]
    [InlineData(ConsistencyLevel.Eventually, WireLevel.Eventually, 1, false)]
    public async Task A_read_after_a_write_asks_for_what_its_level_means(ConsistencyLevel? level, WireLevel sent, ulong timestamp, bool useDefault)
    {
        _server.Reply("Insert", Acked(42), Acked(17)).Reply("Query", new QueryResults());
        await _books.InsertAsync([FieldData.Create("id", new long[] { 1 })]);
        await _books.InsertAsync([FieldData.Create("id", new long[] { 2 })]);
        await _books.QueryAsync("id > 0", new QueryParameters { ConsistencyLevel = level });

        var request = _server.Last<QueryRequest>();
        Assert.Equal((sent, timestamp, useDefault), (request.ConsistencyLevel, request.GuaranteeTimestamp, request.UseDefaultConsistency));
    }

    [Fact]
    public async Task A_given_timestamp_is_passed_on()
    {
        _server.Reply("Query", new QueryResults());
        await _books.QueryAsync("id > 0", new QueryParameters { GuaranteeTimestamp = 99 });
        Assert.Equal((WireLevel.Customized, 99UL), (_server.Last<QueryRequest>().ConsistencyLevel, _server.Last<QueryRequest>().GuaranteeTimestamp));
    }

    [Fact]
    public async Task A_flush_waits_until_the_segments_are_written()
    {
        var flushed = new FlushResponse();
        flushed.CollSegIDs.Add("books", new LongArray { Data = { 3, 4 } });
        flushed.CollFlushTs.Add("books", 77);
        _server.Reply("Flush", flushed).Reply("GetFlushState", new GetFlushStateResponse(), new GetFlushStateResponse { Flushed = true });

        var result = await _books.FlushAsync(waitingInterval: TimeSpan.Zero);

        Assert.Equal([3L, 4L], result.SegmentIds);
        Assert.Equal(2, _server.Requests.Count(r => r.Method == "GetFlushState"));
        Assert.Equal(77UL, _server.Last<GetFlushStateRequest>().FlushTs);
    }

    [Fact]
    public async Task A_wait_that_takes_too_long_says_what_it_waited_for()
    {
        _server.Reply("GetLoadingProgress", new GetLoadingProgressResponse { Progress = 50 });
        var error = await Assert.ThrowsAsync<TimeoutException>(() => _books.WaitForCollectionLoadAsync(TimeSpan.Zero, timeout: TimeSpan.Zero));
        Assert.Contains("books", error.Message, StringComparison.Ordinal);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _books.WaitForCollectionLoadAsync(cancellationToken: cancelled.Token));
    }

    [Fact]
    public async Task Keys_are_quoted_so_that_text_stays_text()
    {
        _server.Reply("Query", new QueryResults());
        await _books.GetAsync("id", ["a\"] or id != \"", "b\\"]);
        Assert.Equal("id in [\"a\\\"] or id != \\\"\", \"b\\\\\"]", _server.Last<QueryRequest>().Expr);
        await _books.GetAsync("id", [1L, 2L]);
        Assert.Equal("id in [1, 2]", _server.Last<QueryRequest>().Expr);
    }

    private static Contracts.Wire.Milvus.MutationResult Acked(ulong timestamp) =>
        new() { Status = new Status(), IDs = new IDs(), Acknowledged = true, Timestamp = timestamp };

    private static Contracts.Wire.Milvus.SearchResults FoundTwo() => new()
    {
        Status = new Status(),
        Results = new SearchResultData
        {
            NumQueries = 1, TopK = 3, Topks = { 2 }, Scores = { 0.9f, 0.5f },
            Ids = new IDs { IntId = new LongArray { Data = { 4, 2 } } },
            FieldsData =
            {
                new Contracts.Wire.Schema.FieldData
                {
                    FieldName = "title", Type = DataType.VarChar,
                    Scalars = new ScalarField { StringData = new StringArray { Data = { "x", "y" } } },
                },
            },
        },
    };
}
