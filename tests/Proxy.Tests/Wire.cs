using System.Runtime.InteropServices;
using Google.Protobuf;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Contracts.Wire.Schema;
using KeyValuePair = MiniMilvus.Contracts.Wire.Common.KeyValuePair;

namespace MiniMilvus.Proxy.Tests;

/// <summary>Wire messages as clients build them.</summary>
internal static class Wire
{
    public static FieldSchema Int64Key(string name = "id", bool autoId = false) => new() { Name = name, DataType = DataType.Int64, IsPrimaryKey = true, AutoID = autoId };

    public static FieldSchema VarCharKey(string name = "id", int maxLength = 16, bool autoId = false) =>
        With(new FieldSchema { Name = name, DataType = DataType.VarChar, IsPrimaryKey = true, AutoID = autoId }, "max_length", maxLength);

    public static FieldSchema Vector(string name = "vector", int dim = 2) => With(new FieldSchema { Name = name, DataType = DataType.FloatVector }, "dim", dim);

    public static FieldSchema VarChar(string name, int maxLength = 16, bool nullable = false) =>
        With(new FieldSchema { Name = name, DataType = DataType.VarChar, Nullable = nullable }, "max_length", maxLength);

    public static FieldSchema Scalar(string name, DataType type, bool nullable = false, ValueField? defaultValue = null) =>
        new() { Name = name, DataType = type, Nullable = nullable, DefaultValue = defaultValue };

    public static CreateCollectionRequest Create(string name, int shards = 1, bool dynamic = false, params FieldSchema[] fields)
    {
        var schema = new CollectionSchema { Name = name, EnableDynamicField = dynamic };
        schema.Fields.AddRange(fields.Length > 0 ? fields : [Int64Key(), Vector()]);
        return new CreateCollectionRequest { CollectionName = name, Schema = schema.ToByteString(), ShardsNum = shards, ConsistencyLevel = ConsistencyLevel.Bounded };
    }

    public static FieldData Longs(string name, params long[] values)
    {
        var data = new FieldData { Type = DataType.Int64, FieldName = name, Scalars = new ScalarField { LongData = new LongArray() } };
        data.Scalars.LongData.Data.AddRange(values);
        return data;
    }

    public static FieldData Ints(string name, DataType type, params int[] values)
    {
        var data = new FieldData { Type = type, FieldName = name, Scalars = new ScalarField { IntData = new IntArray() } };
        data.Scalars.IntData.Data.AddRange(values);
        return data;
    }

    public static FieldData Texts(string name, params string[] values)
    {
        var data = new FieldData { Type = DataType.VarChar, FieldName = name, Scalars = new ScalarField { StringData = new StringArray() } };
        data.Scalars.StringData.Data.AddRange(values);
        return data;
    }

    public static FieldData Json(string name, bool dynamic, params string[] values)
    {
        var data = new FieldData { Type = DataType.Json, FieldName = name, IsDynamic = dynamic, Scalars = new ScalarField { JsonData = new JSONArray() } };
        data.Scalars.JsonData.Data.AddRange(values.Select(ByteString.CopyFromUtf8));
        return data;
    }

    public static FieldData Vectors(string name, int dim, params float[] values)
    {
        var data = new FieldData { Type = DataType.FloatVector, FieldName = name, Vectors = new VectorField { Dim = dim, FloatVector = new FloatArray() } };
        data.Vectors.FloatVector.Data.AddRange(values);
        return data;
    }

    public static FieldData WithValid(this FieldData data, params bool[] valid)
    {
        data.ValidData.AddRange(valid);
        return data;
    }

    public static InsertRequest InsertOf(string collection, int rows, params FieldData[] fields)
    {
        var request = new InsertRequest { CollectionName = collection, NumRows = (uint)rows };
        request.FieldsData.AddRange(fields);
        return request;
    }

    public static UpsertRequest UpsertOf(string collection, int rows, params FieldData[] fields)
    {
        var request = new UpsertRequest { CollectionName = collection, NumRows = (uint)rows };
        request.FieldsData.AddRange(fields);
        return request;
    }

    /// <summary>n rows: ids from <paramref name="first"/> on, vector (i, 1).</summary>
    public static InsertRequest Rows(string collection, long first, int n) => InsertOf(collection, n,
        Longs("id", [.. Enumerable.Range(0, n).Select(i => first + i)]),
        Vectors("vector", 2, [.. Enumerable.Range(0, n).SelectMany(i => new[] { first + i, 1f })]));

    public static ByteString Placeholder(PlaceholderType type = PlaceholderType.FloatVector, params float[][] vectors)
    {
        var value = new PlaceholderValue { Tag = "$0", Type = type };
        value.Values.AddRange(vectors.Select(v => ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(v))));
        return new PlaceholderGroup { Placeholders = { value } }.ToByteString();
    }

    public static SearchRequest SearchOf(string collection, float[] vector, int topK, params (string Key, string Value)[] parameters)
    {
        var request = new SearchRequest { CollectionName = collection, PlaceholderGroup = Placeholder(vectors: vector), DslType = DslType.BoolExprV1 };
        request.SearchParams.Add(Pair("topk", topK.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        request.SearchParams.AddRange(parameters.Select(p => Pair(p.Key, p.Value)));
        return request;
    }

    public static QueryRequest QueryOf(string collection, string expr, params string[] output)
    {
        var request = new QueryRequest { CollectionName = collection, Expr = expr };
        request.OutputFields.AddRange(output);
        return request;
    }

    public static KeyValuePair Pair(string key, string value) => new() { Key = key, Value = value };

    /// <summary>A collection with an index, loaded.</summary>
    public static async Task LoadedAsync(this Harness world, CreateCollectionRequest create, string metric = "L2", params string[] vectorFields)
    {
        Ok(await world.Service.CreateCollection(create, world.Call()));
        foreach (var field in vectorFields.Length > 0 ? vectorFields : ["vector"])
        {
            Ok(await world.Service.CreateIndex(new CreateIndexRequest { CollectionName = create.CollectionName, FieldName = field, ExtraParams = { Pair("metric_type", metric) } }, world.Call()));
        }

        Ok(await world.Service.LoadCollection(new LoadCollectionRequest { CollectionName = create.CollectionName }, world.Call()));
    }

    public static void Ok(Status status)
    {
        Assert.NotNull(status);
        Assert.True(status.Code == 0 && status.ErrorCode == ErrorCode.Success, $"{status.Code}: {status.Reason}");
    }

    /// <summary>Both codes set, and the reason says what was expected and found.</summary>
    public static void Refused(Status status, int code, ErrorCode legacy, params string[] words)
    {
        Assert.Equal((code, legacy), (status.Code, status.ErrorCode));
        Assert.All(words, word => Assert.Contains(word, status.Reason, StringComparison.Ordinal));
    }

    private static FieldSchema With(FieldSchema field, string key, int value)
    {
        field.TypeParams.Add(Pair(key, value.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        return field;
    }
}
