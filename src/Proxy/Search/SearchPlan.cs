using System.Globalization;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;
using MiniMilvus.Proxy.Reading;

namespace MiniMilvus.Proxy.Search;

/// <summary>What a search's parameters ask for, checked against the collection.</summary>
internal sealed record SearchPlan
{
    public const int NoRounding = -1;
    private const int DecimalsMax = 6;

    public required FieldSchema Field { get; init; }
    public required MetricType Metric { get; init; }
    public required int Limit { get; init; }
    public int Offset { get; init; }
    public int Ef { get; init; }
    public float RefineK { get; init; }
    public float? Radius { get; init; }
    public float? RangeFilter { get; init; }
    public bool IgnoreGrowing { get; init; }
    public int RoundDecimal { get; init; } = NoRounding;

    /// <summary>What to ask of each query node.</summary>
    public int TopK => Limit + Offset;

    public static SearchPlan Of(RequestParams parameters, CollectionRecord collection, ProxyOptions options)
    {
        foreach (var key in new[] { "group_by_field", "group_by_fields" })
        {
            if (parameters.Text(key) is { } grouped && grouped != "-1")
            {
                throw MiniMilvusException.Invalid(ErrorReason.NotSupported, $"{key} is not supported by this server");
            }
        }

        var field = VectorField(collection.Schema, parameters.Text("anns_field"));
        var (limit, offset) = Window(parameters, options);
        var index = IndexOn(collection, field);
        var metric = MetricFor(index, parameters.Text("metric_type"));
        var plan = new SearchPlan
        {
            Field = field,
            Metric = metric,
            Limit = limit,
            Offset = offset,
            Ef = SearchEffort.Ef(parameters, index, limit + offset),
            RefineK = SearchEffort.RefineK(parameters),
            Radius = parameters.Number("radius"),
            RangeFilter = parameters.Number("range_filter"),
            IgnoreGrowing = parameters.Flag("ignore_growing"),
            RoundDecimal = Rounding(parameters),
        };
        SearchEffort.CheckProbes(parameters);
        CheckRange(plan);
        return plan;
    }

    /// <summary>A number of decimals, or −1 for all.</summary>
    public static int Rounding(RequestParams parameters)
    {
        var decimals = parameters.Integer("round_decimal") ?? NoRounding;
        return decimals is >= NoRounding and <= DecimalsMax
            ? (int)decimals
            : throw MiniMilvusException.Invalid($"round_decimal: expected {NoRounding} to {DecimalsMax}, found {decimals}");
    }

    /// <summary>A metric's name in any case; null when it is none of ours.</summary>
    public static MetricType? MetricOf(string name) => name.ToUpperInvariant() switch
    {
        "L2" => MetricType.L2,
        "IP" => MetricType.IP,
        "COSINE" => MetricType.Cosine,
        _ => null,
    };

    private static (int Limit, int Offset) Window(RequestParams parameters, ProxyOptions options)
    {
        var limit = parameters.Integer("topk") ?? parameters.Integer("limit")
            ?? throw MiniMilvusException.Invalid("topk: expected a number of results, found none");
        var offset = parameters.Integer("offset") ?? 0;
        if (limit < 1 || limit > options.ResultWindowMax)
        {
            throw MiniMilvusException.Invalid($"topk [{limit}] is invalid: expected 1 to {options.ResultWindowMax}");
        }

        return offset >= 0 && limit + offset <= options.ResultWindowMax
            ? ((int)limit, (int)offset)
            : throw MiniMilvusException.Invalid($"topk + offset: expected at most {options.ResultWindowMax}, offset at least 0; found topk {limit} and offset {offset}");
    }

    private static FieldSchema VectorField(CollectionSchema schema, string? name)
    {
        if (name is null)
        {
            var vectors = schema.VectorFields.Take(2).ToList();
            return vectors.Count == 1
                ? vectors[0]
                : throw MiniMilvusException.Invalid($"anns_field: collection '{schema.Name}' has several vector fields ({string.Join(", ", schema.VectorFields.Select(f => f.Name))}); expected one of them, found none");
        }

        var field = schema.Find(name)
            ?? throw MiniMilvusException.Invalid(ErrorReason.FieldNotFound, $"failed to get field schema by name: field {name} not exist in collection '{schema.Name}'");
        return field.IsVector ? field : throw MiniMilvusException.Invalid($"anns_field: expected a vector field, found '{name}' of type {field.Type}");
    }

    private static IndexRecord IndexOn(CollectionRecord collection, FieldSchema field) => collection.Indexes.FirstOrDefault(i => i.Field == field.Id)
        ?? throw MiniMilvusException.NotFound(ErrorReason.IndexNotFound, $"index not found[collection={collection.Name}][field={field.Name}]");

    private static MetricType MetricFor(IndexRecord index, string? asked)
    {
        if (asked is null)
        {
            return index.Metric;
        }

        return MetricOf(asked) == index.Metric
            ? index.Metric
            : throw MiniMilvusException.Invalid($"metric type not match: invalid parameter[expected={index.Metric.ToString().ToUpperInvariant()}][actual={asked}]");
    }

    private static void CheckRange(SearchPlan plan)
    {
        if (plan.RangeFilter is not { } inner)
        {
            return;
        }

        if (plan.Radius is not { } radius)
        {
            throw MiniMilvusException.Invalid("range_filter: expected a radius beside it, found none");
        }

        var isOrdered = plan.Metric == MetricType.L2 ? inner < radius : inner > radius;
        if (!isOrdered)
        {
            throw MiniMilvusException.Invalid(string.Create(CultureInfo.InvariantCulture,
                $"range_filter: with {plan.Metric.ToString().ToUpperInvariant()} expected it {(plan.Metric == MetricType.L2 ? "below" : "above")} the radius {radius}, found {inner}"));
        }
    }
}
