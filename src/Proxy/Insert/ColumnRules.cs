using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Proxy.Insert;

/// <summary>What a schema demands of each value: ranges, lengths in UTF-8 bytes, finite numbers, documents that are JSON.</summary>
internal static class ColumnRules
{
    public static void Check(CollectionSchema schema, FieldSchema field, Column column, ProxyOptions options)
    {
        switch (column)
        {
            case FloatVectorColumn vectors:
                var bad = FirstNotFinite(vectors.Values.Span);
                if (bad >= 0)
                {
                    throw MiniMilvusException.Invalid($"field '{field.Name}', row {bad / vectors.Dim}: expected finite numbers, found {vectors.Values.Span[bad]} at element {bad % vectors.Dim}");
                }

                break;
            case ScalarColumn<float> floats when FirstNotFinite(floats.Values.Span) is >= 0 and var row:
                throw MiniMilvusException.Invalid($"field '{field.Name}', row {row}: expected a finite number, found {floats.Values.Span[row]}");
            case ScalarColumn<double> doubles:
                CheckFinite(field, doubles.Values.Span);
                break;
            case ScalarColumn<int> ints when field.Type != DataType.Int32:
                CheckRange(field, ints.Values.Span);
                break;
            case StringColumn:
                CheckTexts(field, column, options);
                break;
            case JsonColumn documents:
                CheckDocuments(schema, field, documents, options);
                break;
        }
    }

    public static void CheckTexts(FieldSchema field, Column column, ProxyOptions options)
    {
        if (column is not StringColumn texts)
        {
            return;
        }

        var max = field.MaxLength > 0 ? field.MaxLength : options.VarCharBytesMax;
        for (var row = 0; row < texts.Count; row++)
        {
            var text = texts.Values.Span[row];
            // A UTF-16 unit is at most three bytes of UTF-8: most texts need no count.
            if (text.Length * 3L > max && Encoding.UTF8.GetByteCount(text) is var bytes && bytes > max)
            {
                throw MiniMilvusException.Invalid($"field '{field.Name}', row {row}: expected at most {max} bytes (max_length), found {bytes}");
            }
        }
    }

    /// <summary>The index of the first NaN or infinity, or −1.</summary>
    public static int FirstNotFinite(ReadOnlySpan<float> values)
    {
        // x − x is 0 for a finite x and NaN otherwise, and a NaN survives every sum.
        var sum = Vector<float>.Zero;
        var blocks = MemoryMarshal.Cast<float, Vector<float>>(values);
        foreach (var block in blocks)
        {
            sum += block - block;
        }

        var isFinite = Vector.EqualsAll(sum, Vector<float>.Zero);
        for (var i = isFinite ? blocks.Length * Vector<float>.Count : 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                return i;
            }
        }

        return -1;
    }

    private static void CheckFinite(FieldSchema field, ReadOnlySpan<double> values)
    {
        for (var row = 0; row < values.Length; row++)
        {
            if (!double.IsFinite(values[row]))
            {
                throw MiniMilvusException.Invalid($"field '{field.Name}', row {row}: expected a finite number, found {values[row]}");
            }
        }
    }

    private static void CheckRange(FieldSchema field, ReadOnlySpan<int> values)
    {
        var (min, max) = field.Type == DataType.Int8 ? (sbyte.MinValue, sbyte.MaxValue) : ((int)short.MinValue, (int)short.MaxValue);
        for (var row = 0; row < values.Length; row++)
        {
            if (values[row] < min || values[row] > max)
            {
                throw MiniMilvusException.Invalid($"field '{field.Name}', row {row}: expected {min} to {max} ({field.Type}), found {values[row]}");
            }
        }
    }

    private static void CheckDocuments(CollectionSchema schema, FieldSchema field, JsonColumn documents, ProxyOptions options)
    {
        for (var row = 0; row < documents.Count; row++)
        {
            if (documents.IsNull(row))
            {
                continue;
            }

            var json = documents.Values.Span[row].Span;
            if (json.Length > options.JsonBytesMax)
            {
                throw MiniMilvusException.Invalid($"field '{field.Name}', row {row}: expected at most {options.JsonBytesMax} bytes of JSON, found {json.Length}");
            }

            try
            {
                CheckDocument(schema, field, row, json);
            }
            catch (JsonException e)
            {
                throw MiniMilvusException.Invalid($"field '{field.Name}', row {row}: expected JSON: {e.Message}");
            }
        }
    }

    private static void CheckDocument(CollectionSchema schema, FieldSchema field, int row, ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (field.IsDynamic && reader.TokenType != JsonTokenType.StartObject)
        {
            throw MiniMilvusException.Invalid($"dynamic field, row {row}: expected a JSON object, found {reader.TokenType}");
        }

        while (reader.Read())
        {
            if (field.IsDynamic && reader.CurrentDepth == 1 && reader.TokenType == JsonTokenType.PropertyName)
            {
                var key = reader.GetString() ?? "";
                if (schema.Find(key) is not null)
                {
                    throw MiniMilvusException.Invalid($"dynamic field, row {row}: the key '{key}' is the name of a field; expected its value in that field's column");
                }
            }
        }
    }
}
