using System.Runtime.InteropServices;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Fuzzing.Harness;
using static MiniMilvus.Fuzzing.Ports.PortMessages;
using KeyValuePair = MiniMilvus.Contracts.Wire.Common.KeyValuePair;

namespace MiniMilvus.Fuzzing.Ports;

/// <summary>
/// What is gRPC in form but not in content, on every method of every service: an answer within its deadline, never UNKNOWN or INTERNAL (but
/// INTERNAL for a broken frame, as the protocol says), nothing in the server's log, and the known collection answers right afterwards.
/// </summary>
public sealed class GrpcPortTests(PortServer server) : IClassFixture<PortServer>
{
    private const int Ok = 0, Unknown = 2, Internal = 13;

    private static IEnumerable<MethodDescriptor> Methods => new[]
    {
        MilvusReflection.Descriptor, Contracts.Internal.Coordinator.CoordinatorReflection.Descriptor, Contracts.Internal.Meta.MetaReflection.Descriptor,
        Contracts.Internal.Query.QueryReflection.Descriptor, Contracts.Internal.Streaming.StreamingReflection.Descriptor,
    }.SelectMany(f => f.Services).Where(s => s.Name != "ProxyService").SelectMany(s => s.Methods);

    [Fact]
    public async Task Every_method_refuses_bytes_that_are_no_message_and_answers_messages_that_make_no_sense()
    {
        var statuses = new Dictionary<string, int>();
        Assert.True(Methods.Count() > 100, $"{Methods.Count()} methods");
        var cases = Methods.SelectMany(m => Enumerable.Range(0, 6 * Fuzz.Times).Select(number => (Method: m, Number: number))).ToArray();
        await Parallel.ForEachAsync(cases, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (c, _) =>
        {
            var random = new Random((c.Number * 7919) + c.Method.FullName.Sum(x => x));
            var message = new byte[random.Next(1, 60)];
            if (c.Number == 0)
            {
                random.NextBytes(message);
            }
            else
            {
                message = ProtoFuzz.Message(c.Method.InputType, random);
            }

            // Streams stay open until their deadline; a short one is answer enough.
            var answer = await server.CallAsync(Path(c.Method), PortServer.Frame(message), r => SetTimeout(r, c.Method.IsServerStreaming ? "200m" : "4S"));
            Require($"{c.Method.FullName}, case {c.Number}", answer, message);
            lock (statuses)
            {
                var key = answer.Status?.ToString() ?? "none";
                statuses[key] = statuses.GetValueOrDefault(key) + 1;
            }
        });
        await server.RequireRightAsync("messages that make no sense");
        Assert.True(statuses.GetValueOrDefault("3") > 50, $"expected many INVALID_ARGUMENT, found {string.Join(", ", statuses)}");
        Assert.True(statuses.GetValueOrDefault("0") > 50, $"expected many answers, found {string.Join(", ", statuses)}");
    }

    [Fact]
    public async Task A_broken_frame_ends_its_call_and_nothing_else()
    {
        var good = new HasCollectionRequest { CollectionName = PortServer.Known }.ToByteArray();
        const string method = "/milvus.proto.milvus.MilvusService/HasCollection";
        var frames = new (string What, byte[] Body, Action<HttpRequestMessage>? Change)[]
        {
            ("no body", [], null),
            ("a header alone", PortServer.Frame([], length: 5), null),
            ("half a header", [0, 0, 0], null),
            ("a length that is too long", PortServer.Frame(good, length: good.Length + 9), null),
            ("a length that is too short", PortServer.Frame(good, length: good.Length - 2), null),
            ("the longest length", PortServer.Frame(good, length: -1), null),
            ("a length over the limit", PortServer.Frame(good, length: 200 << 20), null),
            ("compressed without an encoding", PortServer.Frame(good, flag: 1), null),
            ("compressed and not gzip", PortServer.Frame(good, flag: 1), r => r.Headers.Add("grpc-encoding", "gzip")),
            ("an unknown flag", PortServer.Frame(good, flag: 200), null),
            ("an unknown encoding", PortServer.Frame(good, flag: 1), r => r.Headers.Add("grpc-encoding", "zip")),
            ("two messages", [.. PortServer.Frame(good), .. PortServer.Frame(good)], null),
            ("a thousand messages", [.. Enumerable.Range(0, 1000).SelectMany(_ => PortServer.Frame(good))], null),
            ("another content type", PortServer.Frame(good), r => r.Content!.Headers.ContentType = new("text/plain")),
            ("no content type", PortServer.Frame(good), r => r.Content!.Headers.ContentType = null),
            ("metadata that is not base64", PortServer.Frame(good), r => r.Headers.Add("x-bin", "%%%")),
            ("GET", [], r => r.Method = HttpMethod.Get),
        };
        foreach (var (what, body, change) in frames)
        {
            var answer = await server.CallAsync(method, body, change);
            Assert.True(answer.Status is not (Ok or Unknown), $"{what}: {answer.Status} {answer.Detail}");
        }

        foreach (var timeout in new[] { "0S", "99999999H", "x", "-1S", "1", "999999999999S" })
        {
            var answer = await server.CallAsync(method, PortServer.Frame(good), r => SetTimeout(r, timeout));
            Assert.True(answer.Status is Ok or 4 or null, $"grpc-timeout {timeout}: {answer.Status} {answer.Detail}");
        }

        Assert.Equal(12, (await server.CallAsync("/no.such.Service/Method", PortServer.Frame(good))).Status);
        for (var number = 0; number < 60 * Fuzz.Times; number++)
        {
            var random = new Random(number);
            var answer = await server.CallAsync(method, Mutator.Apply((Mutation)(number % 10), PortServer.Frame(good), PortServer.Frame(good), random));
            Assert.True(answer.Status != Unknown, $"case {number}: {answer.Status} {answer.Detail}");
        }

        await server.RequireRightAsync("broken frames");
    }

    [Fact]
    public async Task Real_requests_with_absurd_fields_are_refused_with_a_code_and_a_reason()
    {
        foreach (var (what, method, message) in Absurd())
        {
            var answer = await server.CallAsync("/milvus.proto.milvus.MilvusService/" + method, message);
            Require(what, answer, message.ToByteArray());
            Assert.True(answer.Status == Ok, $"{what}: {answer.Status} {answer.Detail}");
            var status = StatusOf(method, answer.Body[5..]);
            Assert.True(status.Code != 0, $"{what} was taken");
            Assert.True(status.Reason.Length > 0, $"{what}: no reason");
        }

        await server.RequireRightAsync("absurd requests");
    }

    [Fact]
    public async Task Real_requests_with_damaged_bytes_are_answered()
    {
        var real = Real().ToArray();
        var cases = Enumerable.Range(0, 400 * Fuzz.Times).ToArray();
        await Parallel.ForEachAsync(cases, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (number, _) =>
        {
            var random = new Random(number);
            var (method, message) = real[random.Next(real.Length)];
            var bytes = Mutator.Apply((Mutation)(number % 10), message.ToByteArray(), real[random.Next(real.Length)].Message.ToByteArray(), random);
            Require($"{method}, case {number}", await server.CallAsync("/milvus.proto.milvus.MilvusService/" + method, PortServer.Frame(bytes)), bytes);
        });
        await server.RequireRightAsync("damaged requests");
    }

    private static void Require(string what, Answer answer, byte[] message) => Assert.True(
        answer.Status is not (Unknown or Internal), $"{what}: {answer.Status} {answer.Detail}\n{Convert.ToHexString(message.AsSpan(0, Math.Min(2000, message.Length)))}");

    private static void SetTimeout(HttpRequestMessage request, string timeout)
    {
        request.Headers.Remove("grpc-timeout");
        request.Headers.TryAddWithoutValidation("grpc-timeout", timeout);
    }

    private static string Path(MethodDescriptor method) => $"/{method.Service.FullName}/{method.Name}";

    /// <summary>The status of whatever the method answers with.</summary>
    private static Status StatusOf(string method, byte[] body) => method switch
    {
        "Search" => SearchResults.Parser.ParseFrom(body).Status,
        "Query" => QueryResults.Parser.ParseFrom(body).Status,
        "Insert" or "Upsert" or "Delete" => MutationResult.Parser.ParseFrom(body).Status,
        _ => Status.Parser.ParseFrom(body),
    };

    private static IEnumerable<(string What, string Method, IMessage Message)> Absurd()
    {
        yield return ("a filter 10,000 deep in parentheses", "Query", Query(new string('(', 10_000) + "id > 1" + new string(')', 10_000)));
        yield return ("a filter with 10,000 nots", "Query", Query(string.Concat(Enumerable.Repeat("not ", 10_000)) + "id > 1"));
        yield return ("a filter with 10,000 signs", "Query", Query("id > " + new string('-', 10_000) + "1"));
        yield return ("a filter with 10,000 sums", "Query", Query("id > " + string.Join(" + ", Enumerable.Repeat("id", 10_000))));
        yield return ("a filter with 10,000 brackets", "Query", Query("id in " + new string('[', 10_000)));
        yield return ("a filter with 10,000 powers", "Query", Query("id > " + string.Join(" ** ", Enumerable.Repeat("2", 10_000))));
        yield return ("a delete with a filter 10,000 deep", "Delete", new DeleteRequest { CollectionName = "victim", Expr = new string('(', 10_000) + "id in [1]" + new string(')', 10_000) });
        yield return ("a filter of a megabyte", "Query", Query("id in [" + string.Join(",", Enumerable.Range(0, 200_000)) + "]"));
        yield return ("a huge limit", "Query", With(Query("id > 1"), ("limit", "9223372036854775807")));
        yield return ("a negative offset", "Query", With(Query("id > 1"), ("limit", "1"), ("offset", "-1")));
        yield return ("a huge top k", "Search", Search(topK: "2147483647"));
        yield return ("a negative top k", "Search", Search(topK: "-1"));
        yield return ("a vector of NaN", "Search", Search(vector: [float.NaN, 0, 0, 0]));
        yield return ("a vector of another dim", "Search", Search(vector: [1, 2, 3]));
        yield return ("half a vector", "Search", Search(placeholder: [1, 2, 3]));
        yield return ("a placeholder group that is none", "Search", new SearchRequest { CollectionName = "victim", PlaceholderGroup = ByteString.CopyFrom(0xFF, 0xFF, 0xFF), Nq = 1 });
        yield return ("a vector of absurd dim", "Insert", InsertOf("victim", 1, Longs("id", 1), Vectors("vector", int.MaxValue, 1, 2)));
        yield return ("a vector of negative dim", "Insert", InsertOf("victim", 1, Longs("id", 1), Vectors("vector", -4, 1, 2, 3, 4)));
        yield return ("columns of different lengths", "Insert", InsertOf("victim", 2, Longs("id", 1, 2, 3), Vectors("vector", 4, 1, 2, 3, 4)));
        yield return ("an absurd number of rows", "Insert", InsertOf("victim", -1, Longs("id", 1), Vectors("vector", 4, 1, 2, 3, 4)));
        yield return ("a row of NaN", "Insert", InsertOf("victim", 1, Longs("id", 1), Vectors("vector", 4, float.NaN, 2, 3, 4)));
        yield return ("an absurd data type", "Insert", InsertOf("victim", 1, new FieldData { Type = (DataType)777, FieldName = "id", Scalars = new ScalarField() }, Vectors("vector", 4, 1, 2, 3, 4)));
        yield return ("the wrong oneof", "Insert", InsertOf("victim", 1, Texts("id", "one"), Vectors("vector", 4, 1, 2, 3, 4)));
        yield return ("a collection without fields", "CreateCollection", new CreateCollectionRequest { CollectionName = "empty", Schema = ByteString.Empty });
        yield return ("a schema that is none", "CreateCollection", new CreateCollectionRequest { CollectionName = "none", Schema = ByteString.CopyFrom(0xFF, 0xFF, 0xFF) });
        yield return ("a very long name", "CreateCollection", Create(new string('n', 100_000)));
        yield return ("a vector field of absurd dim", "CreateCollection", Create("wide", fields: [Int64Key(), Vector(dim: int.MaxValue)]));
        yield return ("a vector field of negative dim", "CreateCollection", Create("narrow", fields: [Int64Key(), Vector(dim: -1)]));
        yield return ("an absurd number of shards", "CreateCollection", Create("many", shards: int.MaxValue));
        yield return ("an absurd type of a field", "CreateCollection", Create("odd", fields: [Int64Key(), Vector(), Scalar("odd", (DataType)777)]));
    }

    private static IEnumerable<(string Method, IMessage Message)> Real()
    {
        yield return ("CreateCollection", Create("other"));
        yield return ("DescribeCollection", new DescribeCollectionRequest { CollectionName = "victim" });
        yield return ("Insert", InsertOf("victim", 2, Longs("id", 101, 102), Vectors("vector", 4, 1, 2, 3, 4, 5, 6, 7, 8)));
        yield return ("Upsert", new UpsertRequest { CollectionName = "victim", NumRows = 1, FieldsData = { Longs("id", 101), Vectors("vector", 4, 1, 2, 3, 4) } });
        yield return ("Delete", new DeleteRequest { CollectionName = "victim", Expr = "id in [101, 102]" });
        yield return ("Search", Search());
        yield return ("Query", Query("id > 5 and not (id in [7, 8])"));
        yield return ("CreateIndex", new CreateIndexRequest { CollectionName = "victim", FieldName = "vector", ExtraParams = { Pair("index_type", "HNSW"), Pair("metric_type", "L2"), Pair("params", "{\"M\":8}") } });
        yield return ("LoadCollection", new LoadCollectionRequest { CollectionName = "victim" });
        yield return ("Flush", new FlushRequest { CollectionNames = { "victim" } });
        yield return ("CreatePartition", new CreatePartitionRequest { CollectionName = "victim", PartitionName = "p" });
        yield return ("CreateAlias", new CreateAliasRequest { CollectionName = "victim", Alias = "a" });
    }

    private static QueryRequest Query(string filter) => new() { CollectionName = "victim", Expr = filter, OutputFields = { "id" } };

    private static QueryRequest With(QueryRequest request, params (string Key, string Value)[] parameters)
    {
        request.QueryParams.AddRange(parameters.Select(p => Pair(p.Key, p.Value)));
        return request;
    }

    private static SearchRequest Search(string topK = "3", float[]? vector = null, byte[]? placeholder = null)
    {
        var value = new PlaceholderValue { Tag = "$0", Type = PlaceholderType.FloatVector, Values = { ByteString.CopyFrom(placeholder ?? MemoryMarshal.AsBytes<float>(vector ?? [1, 2, 3, 4]).ToArray()) } };
        return new SearchRequest
        {
            CollectionName = "victim", Nq = 1, DslType = DslType.BoolExprV1, PlaceholderGroup = new PlaceholderGroup { Placeholders = { value } }.ToByteString(),
            SearchParams = { Pair("anns_field", "vector"), Pair("topk", topK), Pair("metric_type", "L2"), Pair("params", "{}"), Pair("round_decimal", "-1") },
        };
    }
}
