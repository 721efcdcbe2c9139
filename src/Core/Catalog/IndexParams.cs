using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Core.Catalog;

/// <summary>
/// The parameters of an index as clients send them: flat keys, a JSON object under the key <c>params</c>, or both (what is flat wins). An empty
/// text and a JSON null count as absent. Every refusal has Milvus's words and code.
/// </summary>
public sealed class IndexParams
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    private IndexParams()
    {
    }

    public static IndexParams None { get; } = new();

    public static IndexParams Of(ImmutableSortedDictionary<string, string> given)
    {
        var parameters = new IndexParams();
        if (given.TryGetValue("params", out var json) && json.Length > 0)
        {
            try
            {
                using var document = JsonDocument.Parse(json);
                foreach (var property in document.RootElement.EnumerateObject())
                {
                    parameters._values[property.Name] = property.Value.ToString();
                }
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                throw MiniMilvusException.Invalid($"index params: expected a JSON object, found '{json}'");
            }
        }

        foreach (var (key, value) in given.Where(p => p.Key != "params" && p.Value.Length > 0))
        {
            parameters._values[key] = value;
        }

        return parameters;
    }

    public string? Text(string name) => _values.TryGetValue(name, out var text) && text.Length > 0 && text is not ("None" or "null") ? text : null;

    /// <summary>A whole number within bounds, or null when it was not given.</summary>
    public int? Integer(string name, int low, int high)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value))
        {
            throw Refused(double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _)
                ? $"param '{name}' ({text}) should be integer: wrong data type in json"
                : $"invalid integer value, key: '{name}', value: '{text}'");
        }

        return value >= low && value <= high
            ? (int)value
            : throw Refused(string.Create(CultureInfo.InvariantCulture, $"Out of range in json: param '{name}' ({value}) should be in range [{low}, {high}]"));
    }

    /// <summary>'true' or 'false' in any case, or null when it was not given.</summary>
    public bool? Flag(string name) => Text(name) is not { } text ? null : bool.TryParse(text, out var value) ? value : throw Refused($"param '{name}' ({text}) should be a boolean");

    public static MiniMilvusException Refused(string text) => MiniMilvusException.Invalid($"{text}: invalid parameter");
}
