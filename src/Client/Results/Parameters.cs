using System.Globalization;
using System.Text.Json;

namespace MiniMilvus.Client;

/// <summary>Options of a search.</summary>
public sealed class SearchParameters
{
    /// <summary>Fields to return with each hit.</summary>
    public IList<string> OutputFields { get; init; } = [];
    /// <summary>Partitions to search; none means all.</summary>
    public IList<string> PartitionNames { get; init; } = [];
    /// <summary>Only rows that pass this filter.</summary>
    public string? Expression { get; set; }
    /// <summary>Hits to skip.</summary>
    public int? Offset { get; set; }
    /// <summary>Freshness; none means the collection's own level.</summary>
    public ConsistencyLevel? ConsistencyLevel { get; set; }
    /// <summary>See all writes up to this hybrid timestamp. Sets the level to Customized.</summary>
    public ulong? GuaranteeTimestamp { get; set; }
    /// <summary>Leave fresh, unsealed rows out.</summary>
    public bool IgnoreGrowing { get; set; }
    /// <summary>One hit for each value of this field.</summary>
    public string? GroupByField { get; set; }
    /// <summary>Parameters of the index: ef, nprobe, radius, range_filter, ...</summary>
    public IDictionary<string, string> ExtraParameters { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    // Numbers go out as numbers: servers read {"ef": 64}, not {"ef": "64"}.
    internal string ExtraParametersJson() => JsonSerializer.Serialize(ExtraParameters.ToDictionary(
        p => p.Key,
        p => long.TryParse(p.Value, NumberStyles.Integer, CultureInfo.InvariantCulture, out var whole) ? whole
            : double.TryParse(p.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number
            : (object)p.Value,
        StringComparer.Ordinal));
}

/// <summary>Options of a query.</summary>
public sealed class QueryParameters
{
    /// <summary>Fields to return; the primary key always comes along.</summary>
    public IList<string> OutputFields { get; init; } = [];
    /// <summary>Partitions to read; none means all.</summary>
    public IList<string> PartitionNames { get; init; } = [];
    /// <summary>Rows at most.</summary>
    public int? Limit { get; set; }
    /// <summary>Rows to skip.</summary>
    public int? Offset { get; set; }
    /// <summary>Freshness; none means the collection's own level.</summary>
    public ConsistencyLevel? ConsistencyLevel { get; set; }
    /// <summary>See all writes up to this hybrid timestamp. Sets the level to Customized.</summary>
    public ulong? GuaranteeTimestamp { get; set; }
}
