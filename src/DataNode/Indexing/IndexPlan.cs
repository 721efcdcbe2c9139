using System.Globalization;
using System.Text.Json;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Hnsw;

namespace MiniMilvus.DataNode.Indexing;

/// <summary>What an <see cref="IndexRecord"/> asks to be built for a segment. FLAT and scalar indexes need no file: sealed columns are scanned.</summary>
internal static class IndexPlan
{
    /// <summary>Whether the index is a graph file over a float vector field.</summary>
    public static bool IsGraph(CollectionSchema schema, IndexRecord index) =>
        schema.Find(index.Field) is { Type: DataType.FloatVector } && !index.IndexType.Equals("FLAT", StringComparison.OrdinalIgnoreCase);

    /// <summary>M and efConstruction as given, directly or inside <c>params</c>; else the defaults.</summary>
    public static HnswOptions Options(IndexRecord index)
    {
        var defaults = new HnswOptions();
        return new HnswOptions
        {
            M = Number(index, "M", 2, 2048) ?? defaults.M,
            EfConstruction = Number(index, "efConstruction", 1, 32768) ?? defaults.EfConstruction,
        };
    }

    private static int? Number(IndexRecord index, string name, int low, int high)
    {
        if (Text(index, name) is not { } text)
        {
            return null;
        }

        return int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value)
            ? Math.Clamp(value, low, high) // The proxy refuses what lies outside; a record from elsewhere still gets its index.
            : throw MiniMilvusException.Corrupted($"index {index.Id}: expected a number for {name}, found '{text}'");
    }

    private static string? Text(IndexRecord index, string name)
    {
        if (index.Params.TryGetValue(name, out var direct))
        {
            return direct;
        }

        if (!index.Params.TryGetValue("params", out var json))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty(name, out var value) ? value.ToString() : null;
        }
        catch (JsonException e)
        {
            throw MiniMilvusException.Corrupted($"index {index.Id}: params that are not JSON: {e.Message}", e);
        }
    }
}
