using System.Collections.Immutable;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Core.Messages;

/// <summary>The kinds of log messages; the numbers are on disk.</summary>
public enum MessageType
{
    TimeTick = 1,
    Insert = 2,
    Delete = 3,
    CreateSegment = 4,
    Flush = 5,
    ManualFlush = 6,
    CreateCollection = 7,
    DropCollection = 8,
    CreatePartition = 9,
    DropPartition = 10,
    SchemaChange = 11,
    BeginTransaction = 12,
    CommitTransaction = 13,
    RollbackTransaction = 14,
}

/// <summary>What a message says. One sealed record per <see cref="MessageType"/>.</summary>
public abstract record MessageBody
{
    private protected MessageBody()
    {
    }

    public abstract MessageType Type { get; }
}

/// <summary>A stored timetick: nothing at or below the message's tick is still to come. Stored only with <c>timetick.persist = all</c> and at a term's start.</summary>
public sealed record TimeTickBody : MessageBody
{
    public override MessageType Type => MessageType.TimeTick;
}

/// <summary>Rows for one partition of one shard. <see cref="Segment"/> is <see cref="SegmentId.None"/> until the SegmentStage fixes it (S1).</summary>
public sealed record InsertBody(CollectionId Collection, PartitionId Partition, SegmentId Segment, int SchemaVersion, RowBatch Rows) : MessageBody
{
    public override MessageType Type => MessageType.Insert;
}

/// <summary>Primary keys to delete from one shard; removes rows inserted before the message's commit tick (S6).</summary>
/// <param name="Keys">The keys as a column of the primary key's type.</param>
public sealed record DeleteBody(CollectionId Collection, PartitionId Partition, Column Keys) : MessageBody
{
    public override MessageType Type => MessageType.Delete;
}

/// <summary>A growing segment begins; precedes its first row.</summary>
public sealed record CreateSegmentBody(CollectionId Collection, PartitionId Partition, SegmentId Segment, int SchemaVersion) : MessageBody
{
    public override MessageType Type => MessageType.CreateSegment;
}

/// <summary>The segment is sealed: no row of it follows. The DataNode persists it.</summary>
public sealed record FlushBody(CollectionId Collection, SegmentId Segment) : MessageBody
{
    public override MessageType Type => MessageType.Flush;
}

/// <summary>A user's Flush: every growing segment of the shard (or of some partitions) is sealed; a Flush for each precedes this message.</summary>
/// <param name="Segments">Filled by the StreamingNode: the segments sealed by it.</param>
public sealed record ManualFlushBody(CollectionId Collection, ImmutableArray<SegmentId> Segments) : MessageBody
{
    public override MessageType Type => MessageType.ManualFlush;
}

public sealed record CreateCollectionBody(CollectionId Collection, CollectionSchema Schema) : MessageBody
{
    public override MessageType Type => MessageType.CreateCollection;
}

public sealed record DropCollectionBody(CollectionId Collection) : MessageBody
{
    public override MessageType Type => MessageType.DropCollection;
}

public sealed record CreatePartitionBody(CollectionId Collection, PartitionId Partition) : MessageBody
{
    public override MessageType Type => MessageType.CreatePartition;
}

public sealed record DropPartitionBody(CollectionId Collection, PartitionId Partition) : MessageBody
{
    public override MessageType Type => MessageType.DropPartition;
}

public sealed record SchemaChangeBody(CollectionId Collection, CollectionSchema Schema) : MessageBody
{
    public override MessageType Type => MessageType.SchemaChange;
}

/// <summary>Opens a transaction: its rows follow at once, then Commit; nothing else lies between (S10).</summary>
public sealed record BeginTransactionBody(int MessageCount) : MessageBody
{
    public override MessageType Type => MessageType.BeginTransaction;
}

/// <summary>Ends a transaction; all its rows have this message's tick.</summary>
public sealed record CommitTransactionBody : MessageBody
{
    public override MessageType Type => MessageType.CommitTransaction;
}

/// <summary>Ends a transaction without effect; written by a new owner for one that its predecessor left open.</summary>
public sealed record RollbackTransactionBody : MessageBody
{
    public override MessageType Type => MessageType.RollbackTransaction;
}
