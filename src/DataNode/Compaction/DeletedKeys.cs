using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.DataNode.Compaction;

/// <summary>One delete file as a compaction looks things up in it: for each key that is deleted in a partition, the latest tick.</summary>
internal sealed class DeletedKeys
{
    private readonly Dictionary<PrimaryKey, ulong> _latest;

    public DeletedKeys(DeleteBatch batch, PartitionId partition)
    {
        _latest = new Dictionary<PrimaryKey, ulong>(batch.Count);
        var ticks = batch.Ticks.Span;
        var partitions = batch.Partitions.Span;
        for (var i = 0; i < batch.Count; i++)
        {
            if (partitions[i] != PartitionId.All.Value && partitions[i] != partition.Value)
            {
                continue;
            }

            var key = RowBatch.KeyOf(batch.Keys, i);
            var tick = (ulong)ticks[i];
            if (!_latest.TryGetValue(key, out var known) || known < tick)
            {
                _latest[key] = tick;
            }
        }
    }

    /// <summary>Marks the rows that a delete of the file removes (S6: those inserted before it). Returns the latest such delete.</summary>
    public Timestamp Mark(KeptRows rows)
    {
        var last = 0UL;
        for (var row = 0; row < rows.Count; row++)
        {
            if (_latest.TryGetValue(RowBatch.KeyOf(rows.Keys, row), out var tick) && rows.TickOf(row) < tick && rows.Drop(row))
            {
                last = Math.Max(last, tick);
            }
        }

        return new Timestamp(last);
    }
}
