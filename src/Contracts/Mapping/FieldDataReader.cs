using Google.Protobuf;
using Google.Protobuf.Collections;
using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;

namespace MiniMilvus.Contracts.Mapping;

/// <summary>
/// Milvus's FieldData, as clients send it, → column. With valid_data the wire holds only the values that are not null; the column holds one
/// a row, with fillers. Shape is checked here (type, number of values, dim); what the schema demands of values is checked by the proxy.
/// </summary>
public static class FieldDataReader
{
    /// <summary>Throws Invalid, naming the field, what was expected and what was found. Scalars other than JSON and all vectors are copied once.</summary>
    public static Column ToColumn(this FieldData data, Core.Schema.FieldSchema field, int rows)
    {
        var expected = (DataType)field.Type;
        if (data.Type != expected && !(expected == DataType.VarChar && data.Type == DataType.String))
        {
            throw MiniMilvusException.Invalid($"field '{field.Name}': expected data of type {expected}, found {data.Type}");
        }

        if (field.Type == Core.Schema.DataType.FloatVector)
        {
            return Vectors(data, field, rows);
        }

        var valid = Valid(data, field, rows);
        var present = valid is null ? rows : valid.Count(v => v);
        var scalars = data.FieldCase == FieldData.FieldOneofCase.Scalars ? data.Scalars : Absent(data, field, present);
        return field.Type switch
        {
            Core.Schema.DataType.Bool => new ScalarColumn<bool>(field.Id, field.Type, Values(field, scalars.BoolData?.Data, scalars, present, valid), valid),
            Core.Schema.DataType.Int8 or Core.Schema.DataType.Int16 or Core.Schema.DataType.Int32 =>
                new ScalarColumn<int>(field.Id, field.Type, Values(field, scalars.IntData?.Data, scalars, present, valid), valid),
            Core.Schema.DataType.Int64 => new ScalarColumn<long>(field.Id, field.Type, Values(field, scalars.LongData?.Data, scalars, present, valid), valid),
            Core.Schema.DataType.Float => new ScalarColumn<float>(field.Id, field.Type, Values(field, scalars.FloatData?.Data, scalars, present, valid), valid),
            Core.Schema.DataType.Double => new ScalarColumn<double>(field.Id, field.Type, Values(field, scalars.DoubleData?.Data, scalars, present, valid), valid),
            Core.Schema.DataType.VarChar => new StringColumn(field.Id, Filled(Values(field, scalars.StringData?.Data, scalars, present, valid), valid), valid),
            Core.Schema.DataType.Json => new JsonColumn(field.Id, Documents(Values(field, scalars.JsonData?.Data, scalars, present, valid)), valid),
            _ => throw MiniMilvusException.Invalid(ErrorReason.NotSupported, $"field '{field.Name}': type {field.Type} is not supported by this server"),
        };
    }

    private static bool[]? Valid(FieldData data, Core.Schema.FieldSchema field, int rows)
    {
        if (data.ValidData.Count == 0)
        {
            return null;
        }

        if (data.ValidData.Count != rows)
        {
            throw MiniMilvusException.Invalid($"field '{field.Name}': expected {rows} flags in valid_data, found {data.ValidData.Count}");
        }

        var valid = data.ValidData.ToValues();
        var firstNull = Array.IndexOf(valid, false);
        if (firstNull < 0)
        {
            return null;
        }

        return field.IsNullable || field.DefaultValueJson is not null
            ? valid
            : throw MiniMilvusException.Invalid($"field '{field.Name}': row {firstNull} is null, but the field is not nullable and has no default value");
    }

    private static ScalarField Absent(FieldData data, Core.Schema.FieldSchema field, int present) =>
        present == 0 && data.FieldCase == FieldData.FieldOneofCase.None
            ? new ScalarField()
            : throw MiniMilvusException.Invalid($"field '{field.Name}': expected scalars, found {data.FieldCase}");

    private static T[] Values<T>(Core.Schema.FieldSchema field, RepeatedField<T>? from, ScalarField scalars, int present, bool[]? valid)
    {
        if (from is null && scalars.DataCase != ScalarField.DataOneofCase.None)
        {
            throw MiniMilvusException.Invalid($"field '{field.Name}': expected values of type {field.Type}, found {scalars.DataCase}");
        }

        var found = from?.Count ?? 0;
        if (found != present)
        {
            throw MiniMilvusException.Invalid($"field '{field.Name}': expected {present} values{(valid is null ? "" : " that are not null")}, found {found}");
        }

        var values = from?.ToValues() ?? [];
        if (valid is null)
        {
            return values;
        }

        var expanded = new T[valid.Length];
        var next = 0;
        for (var row = 0; row < valid.Length; row++)
        {
            if (valid[row])
            {
                expanded[row] = values[next++];
            }
        }

        return expanded;
    }

    private static string[] Filled(string[] texts, bool[]? valid)
    {
        for (var row = 0; valid is not null && row < texts.Length; row++)
        {
            texts[row] ??= "";
        }

        return texts;
    }

    private static ReadOnlyMemory<byte>[] Documents(ByteString[] documents)
    {
        var values = new ReadOnlyMemory<byte>[documents.Length];
        for (var row = 0; row < documents.Length; row++)
        {
            values[row] = documents[row]?.Memory ?? default;
        }

        return values;
    }

    private static FloatVectorColumn Vectors(FieldData data, Core.Schema.FieldSchema field, int rows)
    {
        if (data.ValidData.Contains(false))
        {
            throw MiniMilvusException.Invalid($"field '{field.Name}': a vector is never null");
        }

        if (data.FieldCase != FieldData.FieldOneofCase.Vectors || data.Vectors.DataCase != VectorField.DataOneofCase.FloatVector)
        {
            // A request for no rows may leave the oneof out.
            if (rows == 0)
            {
                return new FloatVectorColumn(field.Id, field.Dim, ReadOnlyMemory<float>.Empty);
            }

            throw MiniMilvusException.Invalid($"field '{field.Name}': expected float vectors, found {(data.FieldCase == FieldData.FieldOneofCase.Vectors ? data.Vectors.DataCase.ToString() : data.FieldCase.ToString())}");
        }

        if (data.Vectors.Dim != field.Dim)
        {
            throw MiniMilvusException.Invalid($"field '{field.Name}': expected vectors of dim {field.Dim}, found dim {data.Vectors.Dim}");
        }

        var floats = data.Vectors.FloatVector.Data;
        if (floats.Count != (long)rows * field.Dim)
        {
            throw MiniMilvusException.Invalid($"field '{field.Name}': expected {rows} vectors of dim {field.Dim} ({(long)rows * field.Dim} floats), found {floats.Count} floats");
        }

        return new FloatVectorColumn(field.Id, field.Dim, floats.ToValues());
    }
}
