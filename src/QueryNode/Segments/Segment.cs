using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Index;
using MiniMilvus.Index.Bitmaps;
using MiniMilvus.Index.Vectors;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.QueryNode.Segments;

/// <summary>Some rows of a segment that lie in one vector source.</summary>
/// <param name="Index">A graph over a prefix of the source, or null; rows above its count are scanned.</param>
/// <param name="FirstRow">The segment's row that is the source's row 0.</param>
/// <param name="Rows">How many of the source's rows a snapshot sees.</param>
internal readonly record struct VectorPart(VectorSource Source, VectorIndex? Index, int FirstRow, int Rows);

/// <summary>Columns of consecutive rows of a segment.</summary>
internal readonly record struct RowRun(ImmutableArray<Column> Columns, int FirstRow, int Rows);

/// <summary>
/// A segment in memory as reads see it, growing or sealed: rows in tick order with a delete mask. A row is visible at T iff
/// insert tick ≤ T &lt; delete tick. Reads never block; changes come from the shard, under its lock.
/// </summary>
internal abstract class Segment(SegmentId id, PartitionId partition)
{
    public SegmentId Id { get; } = id;
    public PartitionId Partition { get; } = partition;
    public DeleteMask Deletes { get; } = new();
    public abstract bool IsGrowing { get; }
    public abstract bool IsIndexed { get; }
    public abstract int Rows { get; }
    public abstract long Bytes { get; }

    /// <summary>Lets a read in that found the segment in a snapshot; false when it has been let go meanwhile. Each hold is dropped once.</summary>
    public virtual bool TryHold() => true;

    public virtual void Drop()
    {
    }

    /// <summary>Rows 0..n−1 that contain every row inserted at or before T.</summary>
    public abstract int RowsAt(Timestamp at);

    /// <summary>Of the rows below RowsAt(T), those inserted at or before T; null = all of them.</summary>
    public virtual BitSet? InsertedAt(Timestamp at) => null;

    public abstract Timestamp TickOf(int row);

    public abstract PrimaryKey KeyOf(int row);

    /// <summary>Adds the rows that have the key, in any order.</summary>
    public abstract void FindKey(PrimaryKey key, List<int> rows);

    /// <summary>The first rows as runs of columns, in row order.</summary>
    public abstract IEnumerable<RowRun> Runs(int rows);

    public abstract RowRun RunOf(int row);

    public abstract void AddVectors(FieldId field, MetricType metric, int rows, List<VectorPart> to);

    /// <summary>Applies one delete message (S6: only to rows inserted before it).</summary>
    public void Delete(Column keys, Timestamp tick)
    {
        List<RowDelete>? doomed = null;
        var found = new List<int>();
        for (var i = 0; i < keys.Count; i++)
        {
            found.Clear();
            FindKey(RowBatch.KeyOf(keys, i), found);
            AddDoomed(found, tick, ref doomed);
        }

        if (doomed is not null)
        {
            Deletes.Add(doomed);
        }
    }

    /// <summary>Applies the deletes of a file that concern this segment, in one step.</summary>
    public void Delete(DeleteBatch batch)
    {
        List<RowDelete>? doomed = null;
        var found = new List<int>();
        for (var i = 0; i < batch.Count; i++)
        {
            var partition = new PartitionId(batch.Partitions.Span[i]);
            if (partition == PartitionId.All || partition == Partition)
            {
                found.Clear();
                FindKey(RowBatch.KeyOf(batch.Keys, i), found);
                AddDoomed(found, new Timestamp((ulong)batch.Ticks.Span[i]), ref doomed);
            }
        }

        if (doomed is not null)
        {
            Deletes.Add(doomed);
        }
    }

    public LoadedSegment Describe() => new(Id, Partition, IsGrowing, Rows, Bytes + Deletes.Bytes, IsIndexed);

    // S6: only rows inserted before the delete.
    private void AddDoomed(List<int> rows, Timestamp tick, ref List<RowDelete>? doomed)
    {
        foreach (var row in rows)
        {
            if (TickOf(row) < tick)
            {
                (doomed ??= []).Add(new RowDelete(row, tick));
            }
        }
    }
}
