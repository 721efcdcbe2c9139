using System.Collections.Immutable;
using System.Text.Json.Serialization;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Core.Catalog;

/// <summary>The life of a collection or partition. DDL is an intent (Creating, Dropping) until every vchannel's log has it (S11).</summary>
public enum DdlState
{
    Creating,
    Created,
    Dropping,
}

public sealed record DatabaseRecord(string Name, long Id, Timestamp CreatedAt, ImmutableSortedDictionary<string, string> Properties);

public sealed record PartitionRecord(PartitionId Id, string Name, DdlState State, Timestamp CreatedAt);

/// <summary>An index on one vector (or scalar) field.</summary>
public sealed record IndexRecord
{
    public required long Id { get; init; }
    public required string Name { get; init; }
    public required FieldId Field { get; init; }
    /// <summary>As the user named it; AUTOINDEX if he named none.</summary>
    public required string IndexType { get; init; }
    public MetricType Metric { get; init; }
    /// <summary>Every parameter as it came, to be echoed (index_type, metric_type, params, …).</summary>
    public ImmutableSortedDictionary<string, string> Params { get; init => field = value ?? ImmutableSortedDictionary<string, string>.Empty; } = ImmutableSortedDictionary<string, string>.Empty;
}

/// <summary>A collection: one record, so that each DDL step is one compare-and-set.</summary>
public sealed record CollectionRecord
{
    public required CollectionId Id { get; init; }
    public required string Database { get; init; }
    public required string Name { get; init; }
    public required CollectionSchema Schema { get; init; }
    public required DdlState State { get; init; }
    public required ImmutableArray<VChannel> Channels { get; init; }
    public required ImmutableArray<PartitionRecord> Partitions { get; init; }
    public ImmutableArray<IndexRecord> Indexes { get; init => field = value.IsDefault ? [] : value; } = [];
    public ConsistencyLevel Consistency { get; init; } = ConsistencyLevel.Bounded;
    public ImmutableSortedDictionary<string, string> Properties { get; init => field = value ?? ImmutableSortedDictionary<string, string>.Empty; } = ImmutableSortedDictionary<string, string>.Empty;
    public required Timestamp CreatedAt { get; init; }
    public required Timestamp UpdatedAt { get; init; }
    /// <summary>Whether the user asked for it to be loaded; query nodes follow this.</summary>
    public bool IsLoaded { get; init; }

    public const string DefaultPartition = "_default";

    public PartitionRecord? FindPartition(string name) => Partitions.FirstOrDefault(p => p.Name == name && p.State == DdlState.Created);
}

public sealed record AliasRecord(string Database, string Alias, CollectionId Collection, Timestamp CreatedAt);

public enum SegmentState
{
    Growing,
    Flushed,
    Dropped,
    /// <summary>The output of a compaction that is being written: an intent, of which nothing may be read (S9).</summary>
    Compacting,
    /// <summary>Its rows are in the segment that it was compacted into. Known until no replay can bring them again (S8).</summary>
    Compacted,
}

/// <summary>An index file built for a segment.</summary>
public sealed record SegmentIndexRecord(long IndexId, FieldId Field, string Path, long Bytes);

/// <summary>
/// A data segment. Growing → Flushed by compare-and-set, exactly once (station 16). A compaction's output goes Compacting → Flushed (or Dropped,
/// when no row is left) in the transaction in which its inputs go Flushed → Compacted.
/// </summary>
public sealed record SegmentRecord
{
    public required SegmentId Id { get; init; }
    public required CollectionId Collection { get; init; }
    public required PartitionId Partition { get; init; }
    public required VChannel Channel { get; init; }
    public required SegmentState State { get; init; }
    public long Rows { get; init; }
    public long Bytes { get; init; }
    /// <summary>The object-store key of the manifest; set when flushed.</summary>
    public string ManifestPath { get; init => field = value ?? ""; } = "";
    /// <summary>Where its CreateSegment message lies.</summary>
    public LogPosition Start { get; init; }
    /// <summary>Where its Flush message lies; until the log below it is truncated, replay must skip the segment's rows (S5).</summary>
    public LogPosition End { get; init; }
    public Timestamp MinTick { get; init; }
    public Timestamp MaxTick { get; init; }
    public int SchemaVersion { get; init; } = 1;
    public ImmutableArray<SegmentIndexRecord> Indexes { get; init => field = value.IsDefault ? [] : value; } = [];
    /// <summary>Of a compaction's output: the segments whose rows it has.</summary>
    public ImmutableArray<SegmentId> CompactedFrom { get; init => field = value.IsDefault ? [] : value; } = [];
    /// <summary>Of a Compacted segment: the one that has its rows.</summary>
    public SegmentId CompactedTo { get; init; }
    /// <summary>When it became Compacted, by the data node's clock.</summary>
    public Timestamp CompactedAt { get; init; }
    /// <summary>Every delete of the vchannel below this position is applied in the files themselves; later ones are applied to them (S8).</summary>
    public LogPosition DeletesUntil { get; init; }
    /// <summary>The latest tick of a delete whose row is no longer in the files: no read below it may use them (Q7).</summary>
    public Timestamp PurgedUntil { get; init; }
}

/// <summary>What became of one plan of a compaction that somebody asked for.</summary>
public enum CompactionPlanState
{
    Executing,
    Completed,
    Failed,
}

/// <summary>Some segments of one shard and partition that are to become one.</summary>
/// <param name="Output">The segment that has their rows, when it is Completed and any were left.</param>
public sealed record CompactionPlan(VChannel Channel, PartitionId Partition, ImmutableArray<SegmentId> Inputs, CompactionPlanState State, SegmentId Output);

/// <summary>A compaction that somebody asked for (ManualCompaction): what was planned for it, and how far that has come.</summary>
public sealed record CompactionRecord(long Id, CollectionId Collection, Timestamp RequestedAt, ImmutableArray<CompactionPlan> Plans)
{
    public bool IsCompleted => Plans.All(p => p.State != CompactionPlanState.Executing);
}

/// <summary>A committed delete file of a vchannel: every delete with its position in [From, Until).</summary>
public sealed record DeleteFileRecord(long Id, VChannel Channel, CollectionId Collection, string Path, long Deletes, LogPosition From, LogPosition Until, Timestamp MaxTick);

/// <summary>
/// How far the DataNode has persisted a vchannel: every row and delete below <see cref="Position"/> is in a flushed segment or a committed
/// delete file (S3, S4, S7). Reading goes on there.
/// </summary>
public sealed record ChannelCheckpoint(VChannel Channel, LogPosition Position, Timestamp Tick, Term DataNodeTerm);

/// <summary>Who owns a pchannel, in which term, and where it answers ("" = in this process).</summary>
public sealed record ChannelAssignment(PChannel Channel, Term Term, long NodeId, string Address);

/// <summary>A node's session; it lives as long as its lease.</summary>
public sealed record NodeSession(long NodeId, string Role, string Address);

/// <summary>
/// JSON of catalogue records: source-generated, so that shapes are fixed at build time. What is promised is there: a null or an absent
/// parameter is refused. An absent init-only property gets its type's default and not its initializer's value, so their accessors fill that in.
/// </summary>
[JsonSourceGenerationOptions(WriteIndented = false, UseStringEnumConverter = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(CollectionSchema))]
[JsonSerializable(typeof(CollectionRecord))]
[JsonSerializable(typeof(DatabaseRecord))]
[JsonSerializable(typeof(AliasRecord))]
[JsonSerializable(typeof(SegmentRecord))]
[JsonSerializable(typeof(DeleteFileRecord))]
[JsonSerializable(typeof(CompactionRecord))]
[JsonSerializable(typeof(ChannelCheckpoint))]
[JsonSerializable(typeof(ChannelAssignment))]
[JsonSerializable(typeof(NodeSession))]
[JsonSerializable(typeof(DdlCommand))]
[JsonSerializable(typeof(SegmentCommit))]
public sealed partial class CatalogJson : JsonSerializerContext;
