using MiniMilvus.Contracts.Wire.Milvus;

namespace MiniMilvus.Client;

/// <summary>A collection as the server describes it.</summary>
public sealed class MilvusCollectionDescription
{
    internal MilvusCollectionDescription(DescribeCollectionResponse wire)
    {
        Schema = CollectionSchema.FromWire(wire.Schema);
        (CollectionId, CollectionName, CreationTimestamp) = (wire.CollectionID, wire.CollectionName, wire.CreatedTimestamp);
        (ShardsNum, ConsistencyLevel) = (wire.ShardsNum, (ConsistencyLevel)wire.ConsistencyLevel);
        Aliases = wire.Aliases;
        Properties = wire.Properties.ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal);
    }

    /// <summary>The real name, also when described by an alias.</summary>
    public string CollectionName { get; }
    /// <summary>The server's number.</summary>
    public long CollectionId { get; }
    /// <summary>The fields.</summary>
    public CollectionSchema Schema { get; }
    /// <summary>Other names of the collection.</summary>
    public IReadOnlyList<string> Aliases { get; }
    /// <summary>Shards.</summary>
    public int ShardsNum { get; }
    /// <summary>The level of reads that name none.</summary>
    public ConsistencyLevel ConsistencyLevel { get; }
    /// <summary>When it was created, as a hybrid timestamp.</summary>
    public ulong CreationTimestamp { get; }
    /// <summary>Properties set by AlterCollection.</summary>
    public IReadOnlyDictionary<string, string> Properties { get; }
}

/// <summary>How far an index is.</summary>
public enum IndexState
{
    /// <summary>Not known.</summary>
    None = 0,
    /// <summary>Waiting.</summary>
    Unissued = 1,
    /// <summary>Being built.</summary>
    InProgress = 2,
    /// <summary>Built.</summary>
    Finished = 3,
    /// <summary>Not built; see the reason.</summary>
    Failed = 4,
    /// <summary>To be tried again.</summary>
    Retry = 5,
}

/// <summary>An index as the server describes it.</summary>
public sealed class MilvusIndexInfo
{
    internal MilvusIndexInfo(IndexDescription wire)
    {
        (FieldName, IndexName, State) = (wire.FieldName, wire.IndexName, (IndexState)wire.State);
        (IndexedRows, TotalRows, PendingIndexRows, FailReason) = (wire.IndexedRows, wire.TotalRows, wire.PendingIndexRows, wire.IndexStateFailReason);
        Params = wire.Params.ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal);
    }

    /// <summary>The field indexed.</summary>
    public string FieldName { get; }
    /// <summary>The index's name.</summary>
    public string IndexName { get; }
    /// <summary>How far it is.</summary>
    public IndexState State { get; }
    /// <summary>Rows indexed.</summary>
    public long IndexedRows { get; }
    /// <summary>Rows in all.</summary>
    public long TotalRows { get; }
    /// <summary>Rows still to be indexed.</summary>
    public long PendingIndexRows { get; }
    /// <summary>Why it failed.</summary>
    public string FailReason { get; }
    /// <summary>index_type, metric_type and the rest, as given.</summary>
    public IReadOnlyDictionary<string, string> Params { get; }
}

/// <summary>Whether the server is well.</summary>
public sealed record MilvusHealthState(bool IsHealthy, IReadOnlyList<string> Reasons);

/// <summary>A collection in a list.</summary>
public sealed record MilvusCollectionInfo(string Name, long Id, ulong CreationTimestamp);

/// <summary>What a flush sealed.</summary>
public sealed record FlushResult(IReadOnlyList<long> SegmentIds, ulong FlushTimestamp);
