using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using MiniMilvus.Core.Expressions;

namespace MiniMilvus.Index.Filters;

/// <summary>
/// Follows a path through a JSON document without building a tree. Of equal keys the first counts. A document that is not JSON has no
/// values, and neither has text that is not Unicode: the proxy lets none in, and a filter is no place to stop a search for one row.
/// </summary>
internal sealed class JsonPath(ImmutableArray<JsonStep> steps)
{
    private const int DocumentDepthMax = 1000;
    private readonly byte[]?[] _keys = [.. steps.Select(s => s.Key is null ? null : Encoding.UTF8.GetBytes(s.Key))];

    /// <summary>The value at the end of the path; null where there is none.</summary>
    public FilterValue Read(ReadOnlySpan<byte> document)
    {
        var reader = Open(document);
        try
        {
            return TryFind(ref reader) ? Value(ref reader) : FilterValue.Null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return FilterValue.Null;
        }
    }

    /// <summary>The elements of the array at the end of the path; false where there is none.</summary>
    public bool TryReadArray(ReadOnlySpan<byte> document, List<FilterValue> elements)
    {
        elements.Clear();
        var reader = Open(document);
        try
        {
            if (!TryFind(ref reader) || reader.TokenType != JsonTokenType.StartArray) return false;
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                elements.Add(Value(ref reader));
                reader.Skip();
            }

            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    private static Utf8JsonReader Open(ReadOnlySpan<byte> document) => new(document, new JsonReaderOptions { MaxDepth = DocumentDepthMax });

    private bool TryFind(ref Utf8JsonReader reader)
    {
        if (!reader.Read()) return false;
        for (int step = 0; step < _keys.Length; step++)
        {
            bool found = _keys[step] is { } key ? TryKey(ref reader, key) : TryIndex(ref reader, steps[step].Index);
            if (!found) return false;
        }

        return true;
    }

    private static bool TryKey(ref Utf8JsonReader reader, byte[] key)
    {
        if (reader.TokenType != JsonTokenType.StartObject) return false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isIt = reader.ValueTextEquals(key);
            reader.Read();
            if (isIt) return true;
            reader.Skip();
        }

        return false;
    }

    private static bool TryIndex(ref Utf8JsonReader reader, int index)
    {
        if (reader.TokenType != JsonTokenType.StartArray) return false;
        for (int i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
        {
            if (i == index) return true;
            reader.Skip();
        }

        return false;
    }

    private static FilterValue Value(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.True: return FilterValue.Of(true);
            case JsonTokenType.False: return FilterValue.Of(false);
            case JsonTokenType.String: return FilterValue.Of(reader.GetString()!);
            case JsonTokenType.Number:
                return reader.TryGetInt64(out long integer) ? FilterValue.Of(integer)
                    : reader.TryGetDouble(out double number) ? FilterValue.Of(number) : FilterValue.Null;
            case JsonTokenType.StartObject or JsonTokenType.StartArray: return FilterValue.Other;
            default: return FilterValue.Null;
        }
    }
}
