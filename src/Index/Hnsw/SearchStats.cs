namespace MiniMilvus.Index.Hnsw;

/// <summary>What a search cost, added up over calls.</summary>
public record struct SearchStats
{
    /// <summary>Distances computed.</summary>
    public long DistanceComputations { readonly get; set; }

    /// <summary>Rows whose neighbours were looked at.</summary>
    public long Hops { readonly get; set; }

    /// <summary>Searches answered, wholly or after giving the walk up, by an exact scan.</summary>
    public int ExactScans { readonly get; set; }
}
