using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using MiniMilvus.Contracts.Mapping;
using KeyValuePair = MiniMilvus.Contracts.Wire.Common.KeyValuePair;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Proxy.Reading;

/// <summary>
/// A request's parameters: strings by key, and below the key <c>params</c> a JSON object of more. An empty string is as good as absent.
/// Every accessor says what it expected and found.
/// </summary>
internal sealed class RequestParams
{
    private readonly ImmutableSortedDictionary<string, string> _values;

    private RequestParams(ImmutableSortedDictionary<string, string> values) => _values = values;

    public static RequestParams Of(IEnumerable<KeyValuePair> pairs)
    {
        var outer = pairs.ToDictionary();
        if (!outer.TryGetValue("params", out var json) || string.IsNullOrWhiteSpace(json))
        {
            return new RequestParams(outer);
        }

        var all = outer.ToBuilder();
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw MiniMilvusException.Invalid($"params: expected a JSON object, found {document.RootElement.ValueKind}");
            }

            foreach (var property in document.RootElement.EnumerateObject())
            {
                // What is given outside wins: clients repeat metric_type and offset inside.
                if (!outer.TryGetValue(property.Name, out var given) || given.Length == 0)
                {
                    all[property.Name] = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString() ?? "" : property.Value.GetRawText();
                }
            }
        }
        catch (JsonException e)
        {
            throw MiniMilvusException.Invalid($"params: expected a JSON object, found '{json}': {e.Message}");
        }

        return new RequestParams(all.ToImmutable());
    }

    public string? Text(string key) => _values.TryGetValue(key, out var text) && text.Length > 0 && text != "null" ? text : null;

    /// <summary>'True', 'true', 'False', 'false'; absent = false.</summary>
    public bool Flag(string key) => Text(key) is { } text && (bool.TryParse(text, out var value) ? value : throw Unexpected(key, "true or false", text));

    public long? Integer(string key)
    {
        if (Text(key) is not { } text)
        {
            return null;
        }

        return long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) ? value : throw Unexpected(key, "an integer", text);
    }

    public float? Number(string key)
    {
        if (Text(key) is not { } text)
        {
            return null;
        }

        return float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && float.IsFinite(value)
            ? value
            : throw Unexpected(key, "a finite number", text);
    }

    private static MiniMilvusException Unexpected(string key, string expected, string found) =>
        MiniMilvusException.Invalid($"{key}: expected {expected}, found '{found}'");
}
