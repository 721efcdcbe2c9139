using System.Collections.Immutable;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Core.Query;

/// <summary>A vector search over some shards of a collection, at a guaranteed timestamp (Q1).</summary>
public sealed record SearchRequest
{
    public required CollectionId Collection { get; init; }
    public required ImmutableArray<VChannel> Channels { get; init; }
    /// <summary>Empty = every partition.</summary>
    public ImmutableArray<PartitionId> Partitions { get; init; } = [];
    public required FieldId VectorField { get; init; }
    public required MetricType Metric { get; init; }
    public required int TopK { get; init; }
    /// <summary><c>QueryCount × dim</c> floats.</summary>
    public required ReadOnlyMemory<float> Queries { get; init; }
    public required int QueryCount { get; init; }
    /// <summary>The filter's text, checked by the proxy; "" = none.</summary>
    public string Filter { get; init; } = "";
    /// <summary>Fields to return, in this order.</summary>
    public ImmutableArray<FieldId> OutputFields { get; init; } = [];
    public required Timestamp Guarantee { get; init; }
    /// <summary>The breadth of the graph walk; 0 = the node's default.</summary>
    public int Ef { get; init; }
    /// <summary>Of an index with codes: how many times k rows are re-ranked by their vectors; 0 = the node's default.</summary>
    public float RefineK { get; init; }
    /// <summary>Range search on the score as the user sees it: null = no bound. IP and COSINE: Radius &lt; s ≤ RangeFilter; L2: RangeFilter ≤ s &lt; Radius.</summary>
    public float? Radius { get; init; }
    public float? RangeFilter { get; init; }
    public bool IgnoreGrowing { get; init; }
}

/// <summary>The hits of all queries one after the other; <see cref="Counts"/> says how many each query has.</summary>
/// <param name="Keys">Primary keys, one a hit; unique within a query (Q5).</param>
/// <param name="Scores">As users see them: L2 squared, IP, cosine; best first.</param>
/// <param name="Columns">The output fields, one row a hit.</param>
/// <param name="Snapshot">The timestamp T that the search ran at (Q1).</param>
public sealed record SearchResult(ImmutableArray<int> Counts, Column Keys, ImmutableArray<float> Scores, ImmutableArray<Column> Columns, Timestamp Snapshot, SearchCost Cost);

/// <summary>What a search cost, for metrics and for tests of the growing index.</summary>
public readonly record struct SearchCost(long DistancesComputed, long RowsVisible, int GrowingSegments, int SealedSegments)
{
    public static SearchCost operator +(SearchCost a, SearchCost b) => new(a.DistancesComputed + b.DistancesComputed, a.RowsVisible + b.RowsVisible,
        a.GrowingSegments + b.GrowingSegments, a.SealedSegments + b.SealedSegments);

    public static SearchCost Add(SearchCost left, SearchCost right) => left + right;
}

/// <summary>A scalar query: rows that pass the filter, ordered by primary key.</summary>
public sealed record RetrieveRequest
{
    public required CollectionId Collection { get; init; }
    public required ImmutableArray<VChannel> Channels { get; init; }
    public ImmutableArray<PartitionId> Partitions { get; init; } = [];
    public string Filter { get; init; } = "";
    public ImmutableArray<FieldId> OutputFields { get; init; } = [];
    public required Timestamp Guarantee { get; init; }
    /// <summary>At most this many rows after <see cref="Offset"/>; null = all.</summary>
    public long? Limit { get; init; }
    public long Offset { get; init; }
    /// <summary>Return only the number of rows.</summary>
    public bool CountOnly { get; init; }
}

/// <param name="Columns">The output fields, rows in primary-key order, each key once (the newest row wins).</param>
/// <param name="Count">Rows found; for a count, every visible row.</param>
public sealed record RetrieveResult(ImmutableArray<Column> Columns, long Count, Timestamp Snapshot);

/// <summary>How far a query node has come with a collection, 0-100, and what it holds.</summary>
public sealed record LoadStatus(int ProgressPercent, ImmutableArray<LoadedSegment> Segments);

/// <summary>A segment in a query node's memory.</summary>
public sealed record LoadedSegment(SegmentId Id, PartitionId Partition, bool IsGrowing, long Rows, long Bytes, bool IsIndexed);

/// <summary>A query node as its clients see it, in process or over gRPC. An answer is whole or an error (Q6).</summary>
public interface IQueryNode
{
    ValueTask<SearchResult> SearchAsync(SearchRequest request, CancellationToken ct);

    ValueTask<RetrieveResult> RetrieveAsync(RetrieveRequest request, CancellationToken ct);

    ValueTask<LoadStatus> GetLoadStatusAsync(CollectionId collection, CancellationToken ct);
}
