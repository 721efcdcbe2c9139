using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Contracts.Wire.Schema;
using KeyValuePair = MiniMilvus.Contracts.Wire.Common.KeyValuePair;

namespace MiniMilvus.Simulation.World;

/// <summary>The requests of the simulated clients, built and read as a Milvus client does: key "id", a version "v" unique to each write, a vector.</summary>
internal static class Wire
{
    public const int Dim = 4;

    public static CreateCollectionRequest Create(string name, int shards)
    {
        var schema = new CollectionSchema { Name = name };
        schema.Fields.Add(new FieldSchema { Name = "id", DataType = DataType.Int64, IsPrimaryKey = true });
        schema.Fields.Add(new FieldSchema { Name = "v", DataType = DataType.Int64 });
        schema.Fields.Add(new FieldSchema { Name = "vec", DataType = DataType.FloatVector, TypeParams = { Pair("dim", Dim) } });
        return new CreateCollectionRequest { CollectionName = name, Schema = schema.ToByteString(), ShardsNum = shards, ConsistencyLevel = ConsistencyLevel.Bounded };
    }

    public static CreateIndexRequest Index(string collection) => new()
    {
        CollectionName = collection, FieldName = "vec", IndexName = "vec",
        ExtraParams = { new KeyValuePair { Key = "metric_type", Value = "L2" }, new KeyValuePair { Key = "index_type", Value = "HNSW" }, new KeyValuePair { Key = "params", Value = "{\"M\":8,\"efConstruction\":64}" } },
    };

    /// <summary>The vector of a row: small whole numbers, so that squared distances are exact.</summary>
    public static float[] Vector(long key, long value) => [key % 17, value % 13, (key + value) % 11, value % 7];

    public static float Distance(float[] a, float[] b) => a.Zip(b).Sum(p => (p.First - p.Second) * (p.First - p.Second));

    public static IEnumerable<FieldData> Fields(IReadOnlyList<(long Key, long Value)> rows)
    {
        var keys = new FieldData { Type = DataType.Int64, FieldName = "id", Scalars = new ScalarField { LongData = new LongArray() } };
        keys.Scalars.LongData.Data.AddRange(rows.Select(r => r.Key));
        yield return keys;
        var values = new FieldData { Type = DataType.Int64, FieldName = "v", Scalars = new ScalarField { LongData = new LongArray() } };
        values.Scalars.LongData.Data.AddRange(rows.Select(r => r.Value));
        yield return values;
        var vectors = new FieldData { Type = DataType.FloatVector, FieldName = "vec", Vectors = new VectorField { Dim = Dim, FloatVector = new FloatArray() } };
        vectors.Vectors.FloatVector.Data.AddRange(rows.SelectMany(r => Vector(r.Key, r.Value)));
        yield return vectors;
    }

    public static SearchRequest Search(string collection, string filter, float[] vector, int topK, ConsistencyLevel level, ulong guarantee)
    {
        var value = new PlaceholderValue { Tag = "$0", Type = PlaceholderType.FloatVector };
        value.Values.Add(ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(vector)));
        return new SearchRequest
        {
            CollectionName = collection, PlaceholderGroup = new PlaceholderGroup { Placeholders = { value } }.ToByteString(), DslType = DslType.BoolExprV1, Dsl = filter, Nq = 1,
            ConsistencyLevel = level, GuaranteeTimestamp = guarantee, OutputFields = { "v" },
            SearchParams = { Pair("topk", topK), new KeyValuePair { Key = "metric_type", Value = "L2" }, new KeyValuePair { Key = "anns_field", Value = "vec" } },
        };
    }

    public static QueryRequest Query(string collection, string filter, ConsistencyLevel level, ulong guarantee, bool count)
    {
        var request = new QueryRequest { CollectionName = collection, Expr = filter, ConsistencyLevel = level, GuaranteeTimestamp = guarantee };
        request.OutputFields.Add(count ? ["count(*)"] : ["id", "v", "vec"]);
        return request;
    }

    public static IReadOnlyList<long> Longs(this IEnumerable<FieldData> fields, string name) => [.. fields.First(f => f.FieldName == name).Scalars.LongData.Data];

    /// <summary>As a message is sent: encoded, and decoded by the other side.</summary>
    public static T Sent<T>(this T message)
        where T : IMessage<T>, new() => new MessageParser<T>(() => new T()).ParseFrom(message.ToByteArray());

    private static KeyValuePair Pair(string key, int value) => new() { Key = key, Value = value.ToString(CultureInfo.InvariantCulture) };
}
