using MiniMilvus.Core;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Host.Backups;

/// <summary>What was deleted at or below a tick: for each key, in one partition or in all, the latest delete. It removes the rows inserted before it (S6).</summary>
internal sealed class DeletedKeys(Timestamp at)
{
    private readonly Dictionary<PartitionId, Dictionary<PrimaryKey, ulong>> _latest = [];

    public void Add(PartitionId partition, Column keys, int index, Timestamp tick)
    {
        if (tick > at)
        {
            return;
        }

        if (!_latest.TryGetValue(partition, out var known))
        {
            _latest[partition] = known = [];
        }

        var key = RowBatch.KeyOf(keys, index);
        if (known.GetValueOrDefault(key) < tick.Value)
        {
            known[key] = tick.Value;
        }
    }

    /// <summary>The rows that are there at the tick, in order; null when all of them are.</summary>
    /// <param name="partition">Whose rows they are.</param>
    /// <param name="keys">Their keys.</param>
    /// <param name="ticks">Their commits' ticks.</param>
    public int[]? RowsLeft(PartitionId partition, Column keys, ReadOnlySpan<long> ticks)
    {
        var (here, everywhere) = (_latest.GetValueOrDefault(partition), _latest.GetValueOrDefault(PartitionId.All));
        var left = new List<int>(keys.Count);
        for (var row = 0; row < keys.Count; row++)
        {
            var tick = (ulong)ticks[row];
            var key = RowBatch.KeyOf(keys, row);
            if (tick <= at.Value && !(here?.GetValueOrDefault(key) > tick) && !(everywhere?.GetValueOrDefault(key) > tick))
            {
                left.Add(row);
            }
        }

        return left.Count == keys.Count ? null : [.. left];
    }
}
