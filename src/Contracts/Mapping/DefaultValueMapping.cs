using System.Globalization;
using System.Text;
using System.Text.Json;
using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Contracts.Mapping;

/// <summary>A field's default value: Milvus's ValueField ↔ JSON text, as the schema keeps it.</summary>
public static class DefaultValueMapping
{
    /// <summary>Null when the field has no default. Invalid when it does not fit the field's type.</summary>
    public static string? ToJson(string field, DataType type, ValueField? value)
    {
        if (value is null || value.DataCase == ValueField.DataOneofCase.None)
        {
            return null;
        }

        return (type, value.DataCase) switch
        {
            (DataType.Bool, ValueField.DataOneofCase.BoolData) => value.BoolData ? "true" : "false",
            (DataType.Int8, ValueField.DataOneofCase.IntData) when value.IntData is >= sbyte.MinValue and <= sbyte.MaxValue => Number(value.IntData),
            (DataType.Int16, ValueField.DataOneofCase.IntData) when value.IntData is >= short.MinValue and <= short.MaxValue => Number(value.IntData),
            (DataType.Int32, ValueField.DataOneofCase.IntData) => Number(value.IntData),
            (DataType.Int64, ValueField.DataOneofCase.IntData) => Number(value.IntData),
            (DataType.Int64, ValueField.DataOneofCase.LongData) => Number(value.LongData),
            (DataType.Float, ValueField.DataOneofCase.FloatData) when float.IsFinite(value.FloatData) => value.FloatData.ToString("R", CultureInfo.InvariantCulture),
            (DataType.Double, ValueField.DataOneofCase.DoubleData) when double.IsFinite(value.DoubleData) => value.DoubleData.ToString("R", CultureInfo.InvariantCulture),
            (DataType.VarChar, ValueField.DataOneofCase.StringData) => $"\"{JsonEncodedText.Encode(value.StringData)}\"",
            (DataType.Json, ValueField.DataOneofCase.BytesData) => Encoding.UTF8.GetString(value.BytesData.Span),
            _ => throw MiniMilvusException.Invalid($"field '{field}': the default value ({value.DataCase}) does not fit its type {type}"),
        };
    }

    public static ValueField ToWire(Core.Schema.DataType type, string json)
    {
        using var document = JsonDocument.Parse(json);
        var value = document.RootElement;
        return type switch
        {
            Core.Schema.DataType.Bool => new ValueField { BoolData = value.GetBoolean() },
            Core.Schema.DataType.Int8 or Core.Schema.DataType.Int16 or Core.Schema.DataType.Int32 => new ValueField { IntData = value.GetInt32() },
            Core.Schema.DataType.Int64 => new ValueField { LongData = value.GetInt64() },
            Core.Schema.DataType.Float => new ValueField { FloatData = value.GetSingle() },
            Core.Schema.DataType.Double => new ValueField { DoubleData = value.GetDouble() },
            Core.Schema.DataType.VarChar => new ValueField { StringData = value.GetString() },
            Core.Schema.DataType.Json => new ValueField { BytesData = Google.Protobuf.ByteString.CopyFromUtf8(json) },
            _ => throw MiniMilvusException.Internal($"a default value for a field of type {type}"),
        };
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
