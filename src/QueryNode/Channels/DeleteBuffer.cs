using MiniMilvus.Core;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Time;

namespace MiniMilvus.QueryNode.Channels;

/// <summary>One delete message, kept by reference.</summary>
internal readonly record struct BufferedDelete(LogPosition Position, Timestamp Tick, PartitionId Partition, Column Keys);

/// <summary>
/// The deletes of a shard since its checkpoint: what a segment that is loaded now has missed while no delete file holds it (S7). Cut at each
/// new checkpoint, so it is bounded by what the channel's owner admits above the checkpoint (Q8). Under the shard's lock.
/// </summary>
internal sealed class DeleteBuffer
{
    private readonly List<BufferedDelete> _deletes = [];

    public int Count => _deletes.Count;

    public void Add(in BufferedDelete delete) => _deletes.Add(delete);

    /// <summary>A copy of the deletes from an index on.</summary>
    public BufferedDelete[] From(int first) => [.. _deletes.Skip(first)];

    /// <summary>Forgets deletes below a checkpoint: they are in committed delete files.</summary>
    public void CutBelow(LogPosition checkpoint)
    {
        var kept = _deletes.FindIndex(d => d.Position >= checkpoint);
        _deletes.RemoveRange(0, kept < 0 ? _deletes.Count : kept);
    }
}
