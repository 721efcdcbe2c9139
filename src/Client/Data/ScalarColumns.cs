using Google.Protobuf;
using Wire = MiniMilvus.Contracts.Wire.Schema;

namespace MiniMilvus.Client;

/// <summary>Scalar columns to and from the wire: small integers travel as 32-bit ones, JSON as UTF-8 bytes.</summary>
internal static class ScalarColumns
{
    public static Wire.ScalarField ToWire<T>(MilvusDataType type, IReadOnlyList<T> data)
    {
        var field = new Wire.ScalarField();
        switch (type, data)
        {
            case (MilvusDataType.Bool, IReadOnlyList<bool> values):
                field.BoolData = new Wire.BoolArray { Data = { values } };
                break;
            case (MilvusDataType.Int8, IReadOnlyList<sbyte> values):
                field.IntData = new Wire.IntArray { Data = { values.Select(v => (int)v) } };
                break;
            case (MilvusDataType.Int16, IReadOnlyList<short> values):
                field.IntData = new Wire.IntArray { Data = { values.Select(v => (int)v) } };
                break;
            case (MilvusDataType.Int32, IReadOnlyList<int> values):
                field.IntData = new Wire.IntArray { Data = { values } };
                break;
            case (MilvusDataType.Int64, IReadOnlyList<long> values):
                field.LongData = new Wire.LongArray { Data = { values } };
                break;
            case (MilvusDataType.Float, IReadOnlyList<float> values):
                field.FloatData = new Wire.FloatArray { Data = { values } };
                break;
            case (MilvusDataType.Double, IReadOnlyList<double> values):
                field.DoubleData = new Wire.DoubleArray { Data = { values } };
                break;
            case (MilvusDataType.VarChar, IReadOnlyList<string> values):
                field.StringData = new Wire.StringArray { Data = { values } };
                break;
            case (MilvusDataType.Json, IReadOnlyList<string> values):
                field.JsonData = new Wire.JSONArray { Data = { values.Select(ByteString.CopyFromUtf8) } };
                break;
            default:
                throw new NotSupportedException($"A column of type {type} can't be made of {typeof(T).Name}.");
        }
        return field;
    }

    public static FieldData FromWire(Wire.FieldData wire)
    {
        if (wire.FieldCase == Wire.FieldData.FieldOneofCase.Vectors)
        {
            return Vectors(wire);
        }
        var type = (MilvusDataType)wire.Type;
        var scalars = wire.Scalars ?? new Wire.ScalarField();
        return type switch
        {
            MilvusDataType.Bool => Column(scalars.BoolData?.Data),
            MilvusDataType.Int8 => Column(scalars.IntData?.Data.Select(v => (sbyte)v)),
            MilvusDataType.Int16 => Column(scalars.IntData?.Data.Select(v => (short)v)),
            MilvusDataType.Int32 => Column(scalars.IntData?.Data),
            MilvusDataType.Int64 => Column(scalars.LongData?.Data),
            MilvusDataType.Float => Column(scalars.FloatData?.Data),
            MilvusDataType.Double => Column(scalars.DoubleData?.Data),
            MilvusDataType.VarChar => Column(scalars.StringData?.Data),
            MilvusDataType.Json => Column(scalars.JsonData?.Data.Select(b => b.ToStringUtf8())),
            _ => throw new NotSupportedException($"Field {wire.FieldName} has type {wire.Type}, which this client does not read."),
        };

        FieldData<T> Column<T>(IEnumerable<T>? values) =>
            new(wire.FieldName, values as IReadOnlyList<T> ?? [.. values ?? []], type, wire.IsDynamic)
            {
                FieldId = wire.FieldId, IsValid = wire.ValidData.Count == 0 ? [] : wire.ValidData,
            };
    }

    private static FieldData Vectors(Wire.FieldData wire)
    {
        var vectors = wire.Vectors;
        switch (vectors.DataCase)
        {
            case Wire.VectorField.DataOneofCase.FloatVector:
                var flat = new float[vectors.FloatVector.Data.Count];
                vectors.FloatVector.Data.CopyTo(flat, 0);
                return new FloatVectorFieldData(wire.FieldName, flat, checked((int)vectors.Dim)) { FieldId = wire.FieldId };
            case Wire.VectorField.DataOneofCase.BinaryVector:
                var bytes = vectors.BinaryVector.Memory;
                var perRow = checked((int)vectors.Dim / 8);
                return new BinaryVectorFieldData(wire.FieldName, [.. Enumerable.Range(0, bytes.Length / perRow).Select(i => bytes.Slice(i * perRow, perRow))])
                {
                    FieldId = wire.FieldId,
                };
            default:
                throw new NotSupportedException($"Field {wire.FieldName} holds {vectors.DataCase}, which this client does not read.");
        }
    }
}
