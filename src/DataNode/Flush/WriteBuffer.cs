using MiniMilvus.Core;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Time;
using MiniMilvus.DataNode.Checkpoints;

namespace MiniMilvus.DataNode.Flush;

/// <summary>Rows of one message and when they are visible (their transaction's commit tick, S10).</summary>
internal readonly record struct BufferedRows(RowBatch Rows, Timestamp CommitTick);

/// <summary>
/// Station 14b: the rows of one unflushed segment in log order, by reference to the messages' columns. A buffer that was evicted only counts;
/// its rows are read again from the log when it is flushed.
/// </summary>
internal sealed class WriteBuffer(SegmentId segment, CollectionId collection, PartitionId partition, int schemaVersion, HoldPoint hold, long now, long logBytes)
{
    private List<BufferedRows> _batches = [];

    public SegmentId Segment { get; } = segment;
    public CollectionId Collection { get; } = collection;
    public PartitionId Partition { get; } = partition;
    public int SchemaVersion { get; } = schemaVersion;
    /// <summary>The checkpoint may not pass this while the segment is unflushed (S4).</summary>
    public HoldPoint Hold { get; } = hold;
    /// <summary>Bytes of the pchannel consumed when the segment began.</summary>
    public long LogBytesAtStart { get; } = logBytes;
    public long CreatedAt { get; } = now;
    public long LastRowAt { get; private set; } = now;
    public long Rows { get; private set; }
    /// <summary>Bytes held now, as charged to the budget.</summary>
    public long Bytes { get; private set; }
    public IReadOnlyList<BufferedRows> Batches => _batches;
    public bool IsEvicted { get; private set; }
    public bool IsSealed { get; private set; }
    /// <summary>Its collection or partition was dropped: nothing of it will be kept.</summary>
    public bool IsDiscarded { get; private set; }
    /// <summary>Where its Flush message lies.</summary>
    public LogPosition End { get; private set; }

    /// <returns>The bytes that it holds more than before.</returns>
    public long Add(RowBatch rows, Timestamp commitTick, long at)
    {
        Rows += rows.Count;
        LastRowAt = at;
        if (IsEvicted)
        {
            return 0;
        }

        var bytes = rows.Bytes;
        _batches.Add(new BufferedRows(rows, commitTick));
        Bytes += bytes;
        return bytes;
    }

    public void Seal(LogPosition end)
    {
        IsSealed = true;
        End = end;
    }

    /// <summary>Lets the rows go. Returns the bytes freed.</summary>
    public long Evict()
    {
        IsEvicted = true;
        return Clear();
    }

    /// <inheritdoc cref="Evict"/>
    public long Discard()
    {
        IsDiscarded = true;
        return Clear();
    }

    /// <summary>Gives back what the buffer holds, after its flush.</summary>
    public long Clear()
    {
        var freed = Bytes;
        Bytes = 0;
        _batches = [];
        return freed;
    }
}
