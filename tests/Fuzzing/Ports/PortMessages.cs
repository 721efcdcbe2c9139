using Google.Protobuf;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Contracts.Wire.Schema;
using KeyValuePair = MiniMilvus.Contracts.Wire.Common.KeyValuePair;

namespace MiniMilvus.Fuzzing.Ports;

/// <summary>Wire messages as clients build them.</summary>
internal static class PortMessages
{
    public static FieldSchema Int64Key(string name = "id", bool autoId = false) => new() { Name = name, DataType = DataType.Int64, IsPrimaryKey = true, AutoID = autoId };

    public static FieldSchema Vector(string name = "vector", int dim = 2) => With(new FieldSchema { Name = name, DataType = DataType.FloatVector }, "dim", dim);

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

    public static FieldData Texts(string name, params string[] values)
    {
        var data = new FieldData { Type = DataType.VarChar, FieldName = name, Scalars = new ScalarField { StringData = new StringArray() } };
        data.Scalars.StringData.Data.AddRange(values);
        return data;
    }

    public static FieldData Vectors(string name, int dim, params float[] values)
    {
        var data = new FieldData { Type = DataType.FloatVector, FieldName = name, Vectors = new VectorField { Dim = dim, FloatVector = new FloatArray() } };
        data.Vectors.FloatVector.Data.AddRange(values);
        return data;
    }

    public static InsertRequest InsertOf(string collection, int rows, params FieldData[] fields)
    {
        var request = new InsertRequest { CollectionName = collection, NumRows = (uint)rows };
        request.FieldsData.AddRange(fields);
        return request;
    }

    public static KeyValuePair Pair(string key, string value) => new() { Key = key, Value = value };

    private static FieldSchema With(FieldSchema field, string key, int value)
    {
        field.TypeParams.Add(Pair(key, value.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        return field;
    }
}
