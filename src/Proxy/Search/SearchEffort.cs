using System.Globalization;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Proxy.Reading;

namespace MiniMilvus.Proxy.Search;

/// <summary>The parameters that say how hard an index is to search, within Milvus's bounds and refused in its words.</summary>
internal static class SearchEffort
{
    private const int ProbesMax = 65536;

    /// <summary>ef, or 0 when none was given. A graph's must not be below the number of results that it is asked for.</summary>
    public static int Ef(RequestParams parameters, IndexRecord index, int topK)
    {
        if (Integer(parameters, "ef", int.MaxValue) is not { } ef)
        {
            return 0;
        }

        return ef >= topK || !index.IndexType.StartsWith("HNSW", StringComparison.OrdinalIgnoreCase)
            ? ef
            : throw MiniMilvusException.Invalid(string.Create(CultureInfo.InvariantCulture, $"Out of range in json: ef({ef}) should be larger than k({topK})"));
    }

    /// <summary>nprobe has nothing to do here, for lists are served by graphs; what Milvus refuses is refused.</summary>
    public static void CheckProbes(RequestParams parameters) => Integer(parameters, "nprobe", ProbesMax);

    /// <summary>refine_k, or 0 when none was given.</summary>
    public static float RefineK(RequestParams parameters) => parameters.Number("refine_k") is not { } refine
        ? 0
        : refine >= 1 ? refine : throw MiniMilvusException.Invalid(string.Create(CultureInfo.InvariantCulture, $"Out of range in json: param 'refine_k' ({refine}) should be in range [1, {float.MaxValue}]"));

    private static int? Integer(RequestParams parameters, string name, int high)
    {
        if (parameters.Text(name) is not { } text)
        {
            return null;
        }

        if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value))
        {
            throw MiniMilvusException.Invalid($"Type conflict in json: param '{name}' ({text}) should be integer");
        }

        return value >= 1 && value <= high
            ? (int)value
            : throw MiniMilvusException.Invalid(string.Create(CultureInfo.InvariantCulture, $"Out of range in json: param '{name}' ({value}) should be in range [1, {high}]"));
    }
}
