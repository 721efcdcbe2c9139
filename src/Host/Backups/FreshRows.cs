using MiniMilvus.Core;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Host.Backups;

/// <summary>Rows of one partition of one shard that lie in the log only, in its order.</summary>
internal sealed class FreshRows(VChannel channel, PartitionId partition, LogPosition start)
{
    private readonly List<RowBatch> _batches = [];
    private readonly List<long> _ticks = [];

    public VChannel Channel => channel;

    public PartitionId Partition => partition;

    /// <summary>The first message that rows of it are from …</summary>
    public LogPosition Start => start;

    /// <summary>… and the last.</summary>
    public LogPosition End { get; private set; }

    public long Bytes { get; private set; }

    public long[] Ticks => [.. _ticks];

    public void Add(RowBatch rows, Timestamp tick, LogPosition position)
    {
        _batches.Add(rows);
        _ticks.AddRange(Enumerable.Repeat((long)tick.Value, rows.Count));
        (Bytes, End) = (Bytes + rows.Bytes, position);
    }

    public RowBatch Rows() => Columns.Concat(_batches);
}
