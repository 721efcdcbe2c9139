using MiniMilvus.Core;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Time;
using MiniMilvus.DataNode.Checkpoints;

namespace MiniMilvus.DataNode.Deletes;

/// <summary>The keys of one Delete message; they remove rows inserted before <see cref="Tick"/> (S6).</summary>
internal readonly record struct BufferedDelete(PartitionId Partition, Column Keys, Timestamp Tick);

/// <summary>Deletes on their way into one file: all those of the shard with positions in [From, Until).</summary>
internal sealed record PendingDeletes(List<BufferedDelete> Deletes, long Count, long Bytes, LogPosition From, LogPosition Until, Timestamp MaxTick, HoldPoint Hold);

/// <summary>The deletes of one shard that are in no committed delete file. The checkpoint may not pass the first of them (S7).</summary>
internal sealed class DeleteBuffer
{
    private List<BufferedDelete> _open = [];
    private HoldPoint _hold;
    private LogPosition _from;
    private LogPosition _until;
    private Timestamp _maxTick;

    public long Count { get; private set; }
    public long Bytes { get; private set; }
    public long OldestAt { get; private set; }
    /// <summary>The batch on its way into a file, if any.</summary>
    public PendingDeletes? InFlight { get; private set; }

    /// <summary>Where the first uncommitted delete can be read again.</summary>
    public HoldPoint? Hold => InFlight?.Hold ?? (Count > 0 ? _hold : null);

    /// <returns>The bytes that it holds more than before.</returns>
    public long Add(LogMessage message, DeleteBody body, long now)
    {
        if (Count == 0)
        {
            _hold = HoldPoint.Before(message);
            _from = message.Position;
            OldestAt = now;
        }

        var bytes = body.Keys.Bytes;
        _open.Add(new BufferedDelete(body.Partition, body.Keys, message.CommitTick));
        _until = message.Position.Next;
        _maxTick = Timestamp.Later(_maxTick, message.CommitTick);
        Count += body.Keys.Count;
        Bytes += bytes;
        return bytes;
    }

    /// <summary>Closes what has come so far into a batch; one batch at a time.</summary>
    public PendingDeletes Cut()
    {
        InFlight = new PendingDeletes(_open, Count, Bytes, _from, _until, _maxTick, _hold);
        _open = [];
        _maxTick = default;
        Count = 0;
        Bytes = 0;
        return InFlight;
    }

    /// <returns>The bytes freed: the batch is in a committed file.</returns>
    public long Committed(PendingDeletes batch)
    {
        InFlight = null;
        return batch.Bytes;
    }

    /// <summary>Lets the open deletes go: the collection is dropped. Returns the bytes freed.</summary>
    public long Discard()
    {
        var freed = Bytes;
        _open = [];
        Count = 0;
        Bytes = 0;
        return freed;
    }
}
