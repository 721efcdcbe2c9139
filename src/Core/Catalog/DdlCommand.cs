using System.Collections.Immutable;
using System.Text.Json.Serialization;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Core.Catalog;

/// <summary>A change of the catalogue that a user asks for. The coordinator carries each out exactly once, or says why not.</summary>
[JsonDerivedType(typeof(CreateDatabase), "createDatabase")]
[JsonDerivedType(typeof(DropDatabase), "dropDatabase")]
[JsonDerivedType(typeof(CreateCollection), "createCollection")]
[JsonDerivedType(typeof(DropCollection), "dropCollection")]
[JsonDerivedType(typeof(RenameCollection), "renameCollection")]
[JsonDerivedType(typeof(AlterCollection), "alterCollection")]
[JsonDerivedType(typeof(CreatePartition), "createPartition")]
[JsonDerivedType(typeof(DropPartition), "dropPartition")]
[JsonDerivedType(typeof(CreateAlias), "createAlias")]
[JsonDerivedType(typeof(AlterAlias), "alterAlias")]
[JsonDerivedType(typeof(DropAlias), "dropAlias")]
[JsonDerivedType(typeof(CreateIndex), "createIndex")]
[JsonDerivedType(typeof(DropIndex), "dropIndex")]
[JsonDerivedType(typeof(LoadCollection), "loadCollection")]
[JsonDerivedType(typeof(ReleaseCollection), "releaseCollection")]
[JsonDerivedType(typeof(CompactCollection), "compactCollection")]
public abstract record DdlCommand(string Database);

public sealed record CreateDatabase(string Database, ImmutableSortedDictionary<string, string> Properties) : DdlCommand(Database);

public sealed record DropDatabase(string Database) : DdlCommand(Database);

/// <param name="Schema">Field ids are assigned by the coordinator; the given ones are ignored.</param>
public sealed record CreateCollection(string Database, CollectionSchema Schema, int Shards, ConsistencyLevel Consistency, ImmutableSortedDictionary<string, string> Properties) : DdlCommand(Database);

public sealed record DropCollection(string Database, string Name) : DdlCommand(Database);

public sealed record RenameCollection(string Database, string Name, string NewName) : DdlCommand(Database);

public sealed record AlterCollection(string Database, string Name, ImmutableSortedDictionary<string, string> Set, ImmutableArray<string> Remove) : DdlCommand(Database);

public sealed record CreatePartition(string Database, string Collection, string Name) : DdlCommand(Database);

public sealed record DropPartition(string Database, string Collection, string Name) : DdlCommand(Database);

public sealed record CreateAlias(string Database, string Collection, string Alias) : DdlCommand(Database);

public sealed record AlterAlias(string Database, string Collection, string Alias) : DdlCommand(Database);

public sealed record DropAlias(string Database, string Alias) : DdlCommand(Database);

public sealed record CreateIndex(string Database, string Collection, string Field, string IndexName, ImmutableSortedDictionary<string, string> Params) : DdlCommand(Database);

public sealed record DropIndex(string Database, string Collection, string Field, string IndexName) : DdlCommand(Database);

public sealed record LoadCollection(string Database, string Name) : DdlCommand(Database);

public sealed record ReleaseCollection(string Database, string Name) : DdlCommand(Database);

/// <summary>Asks for a compaction of a collection now (Milvus: ManualCompaction). What it comes to is the <see cref="CompactionRecord"/> of the id.</summary>
/// <param name="Id">Allocated by the caller, so that asking again is the same request.</param>
/// <param name="Partition">−1 = every partition.</param>
/// <param name="Channel">"" = every shard.</param>
/// <param name="Segments">None = every segment.</param>
public sealed record CompactCollection(string Database, string Name, long Id, PartitionId Partition, string Channel, ImmutableArray<SegmentId> Segments) : DdlCommand(Database);

/// <summary>A step of a segment's life that a node asks the coordinator to commit; each is idempotent and compares the caller's term (S9).</summary>
[JsonDerivedType(typeof(RegisterGrowing), "registerGrowing")]
[JsonDerivedType(typeof(CommitFlush), "commitFlush")]
[JsonDerivedType(typeof(CommitDeletes), "commitDeletes")]
[JsonDerivedType(typeof(CommitIndex), "commitIndex")]
[JsonDerivedType(typeof(ConfirmTerm), "confirmTerm")]
[JsonDerivedType(typeof(DiscardIndex), "discardIndex")]
[JsonDerivedType(typeof(AdvanceCheckpoint), "advanceCheckpoint")]
[JsonDerivedType(typeof(BeginCompaction), "beginCompaction")]
[JsonDerivedType(typeof(CommitCompaction), "commitCompaction")]
[JsonDerivedType(typeof(EndCompactionPlan), "endCompactionPlan")]
[JsonDerivedType(typeof(ForgetSegments), "forgetSegments")]
[JsonDerivedType(typeof(DiscardDeletes), "discardDeletes")]
public abstract record SegmentCommit(VChannel Channel, Term Term);

/// <summary>By the StreamingNode, before CreateSegment enters the log. <see cref="SegmentCommit.Term"/> is the channel's.</summary>
public sealed record RegisterGrowing(VChannel Channel, Term Term, SegmentId Segment, CollectionId Collection, PartitionId Partition, int SchemaVersion) : SegmentCommit(Channel, Term);

/// <summary>By the DataNode: the manifest is durable; growing becomes flushed. A segment with no rows becomes Dropped.</summary>
public sealed record CommitFlush(VChannel Channel, Term Term, SegmentRecord Segment) : SegmentCommit(Channel, Term);

public sealed record CommitDeletes(VChannel Channel, Term Term, DeleteFileRecord File) : SegmentCommit(Channel, Term);

public sealed record CommitIndex(VChannel Channel, Term Term, SegmentId Segment, SegmentIndexRecord Index) : SegmentCommit(Channel, Term);

/// <summary>
/// By whoever found an index file missing or damaged: the segment's record no longer names it, so that the data node builds another. Needs no
/// term, for nothing is lost by it and a file of another name stays.
/// </summary>
public sealed record DiscardIndex(VChannel Channel, Term Term, SegmentId Segment, CollectionId Collection, long IndexId, string Path) : SegmentCommit(Channel, Term);

/// <summary>Changes nothing: Fenced when the term is not the pchannel's newest.</summary>
public sealed record ConfirmTerm(VChannel Channel, Term Term) : SegmentCommit(Channel, Term);

public sealed record AdvanceCheckpoint(VChannel Channel, Term Term, LogPosition Position, Time.Timestamp Tick) : SegmentCommit(Channel, Term);

/// <summary>
/// By the DataNode, before the first file of a compaction's output is put: the intent, a record in state Compacting whose id no other attempt has.
/// </summary>
public sealed record BeginCompaction(VChannel Channel, Term Term, SegmentRecord Output) : SegmentCommit(Channel, Term);

/// <summary>
/// By the DataNode, when the output's manifest is durable: in one transaction the output becomes Flushed (Dropped, when no row is left) and each
/// of its <see cref="SegmentRecord.CompactedFrom"/> Compacted (S8). Conflict when the intent or an input is no longer what it was.
/// </summary>
/// <param name="Request">The compaction that asked for it, one of whose plans it completes; 0 = none.</param>
public sealed record CommitCompaction(VChannel Channel, Term Term, SegmentRecord Output, long Request) : SegmentCommit(Channel, Term);

/// <summary>By the DataNode: a plan of a request that came to nothing, because its segments are no longer there or cannot be read.</summary>
public sealed record EndCompactionPlan(VChannel Channel, Term Term, CollectionId Collection, long Request, ImmutableArray<SegmentId> Inputs, CompactionPlanState State) : SegmentCommit(Channel, Term);

/// <summary>
/// By the DataNode, when their files are gone: records of Compacted segments that no replay can bring again go, and intents of attempts that ended.
/// One that a reader may still meet in the log stays, without an error.
/// </summary>
public sealed record ForgetSegments(VChannel Channel, Term Term, CollectionId Collection, ImmutableArray<SegmentId> Segments) : SegmentCommit(Channel, Term);

/// <summary>By the DataNode: delete files that every segment of the shard has in its own files, or is younger than.</summary>
public sealed record DiscardDeletes(VChannel Channel, Term Term, CollectionId Collection, ImmutableArray<long> Files) : SegmentCommit(Channel, Term);

/// <summary>The coordinator as other roles see it, in process or over gRPC.</summary>
public interface ICoordinator : Time.ITimestampOracle, Time.IIdAllocator
{
    /// <summary>Carries out a DDL command. Errors: as MiniMilvusException, Kind Invalid, NotFound, Conflict or Unavailable.</summary>
    /// <returns>The metadata revision at which a <c>CatalogView</c> shows the change.</returns>
    ValueTask<long> ExecuteAsync(DdlCommand command, CancellationToken ct);

    /// <summary>Commits a step of a segment's life. Idempotent. Fenced when the term is stale.</summary>
    ValueTask CommitAsync(SegmentCommit commit, CancellationToken ct);

    /// <summary>Announces a node; the coordinator assigns channels to it. The session lives until <paramref name="ct"/> ends or the process dies.</summary>
    ValueTask<long> RegisterAsync(string role, string address, CancellationToken ct);

    /// <summary>Makes the caller the one data node of a pchannel, in a new term that fences older ones (S9).</summary>
    ValueTask<Term> AcquireDataChannelAsync(long nodeId, PChannel channel, CancellationToken ct);

    /// <summary>A reader's promise: it needs nothing below <paramref name="position"/> of the log (S3). Holds until replaced or the session ends.</summary>
    ValueTask ReportReaderPositionAsync(long nodeId, PChannel channel, LogPosition position, CancellationToken ct);
}
