using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Time;
using MiniMilvus.DataNode.Checkpoints;
using MiniMilvus.DataNode.Deletes;
using MiniMilvus.DataNode.Flush;

namespace MiniMilvus.DataNode.Channels;

/// <summary>What one loop knows of one vchannel: unflushed segments, uncommitted deletes, and how far it has come. Owned by the channel's loop.</summary>
internal sealed class Shard(VChannel channel, CollectionId collection, HoldPoint committed, bool hasCheckpoint, ImmutableArray<(LogPosition From, LogPosition Until)> deletesInFiles)
{
    private readonly Dictionary<SegmentId, WriteBuffer> _segments = [];

    public VChannel Channel { get; } = channel;
    public CollectionId Collection { get; } = collection;
    /// <summary>The committed checkpoint; messages below it are not for this shard again.</summary>
    public HoldPoint Committed { get; private set; } = committed;
    public bool HasCheckpoint { get; private set; } = hasCheckpoint;
    /// <summary>Unflushed segments, sealed ones too.</summary>
    public IReadOnlyDictionary<SegmentId, WriteBuffer> Segments => _segments;
    public DeleteBuffer Deletes { get; } = new();
    public bool IsDropped { get; set; }
    /// <summary>A message of its own came since its last checkpoint.</summary>
    public bool IsActive { get; set; }
    /// <summary>Deletes are to become a file now, whatever their number.</summary>
    public bool DeletesDue { get; set; }
    /// <summary>Somebody waits for the checkpoint's tick to reach this.</summary>
    public Timestamp AwaitedTick { get; set; }
    public bool CheckpointInFlight { get; set; }
    public long CheckpointAt { get; set; }
    public bool SealInFlight { get; set; }
    public long? SealAskedAt { get; set; }

    /// <summary>The delete is in a file that an earlier run committed without advancing the checkpoint.</summary>
    public bool IsInFile(LogPosition position)
    {
        foreach (var (from, until) in deletesInFiles)
        {
            if (from <= position && position < until)
            {
                return true;
            }
        }

        return false;
    }

    public void Begin(WriteBuffer buffer) => _segments.Add(buffer.Segment, buffer);

    public void End(WriteBuffer buffer) => _segments.Remove(buffer.Segment);

    /// <summary>S4, S7: before every unflushed segment and every uncommitted delete; else as far as the pchannel was consumed.</summary>
    public HoldPoint Candidate(HoldPoint consumed)
    {
        var point = consumed;
        foreach (var buffer in _segments.Values)
        {
            point = HoldPoint.Earlier(buffer.Hold, point);
        }

        return Deletes.Hold is { } hold ? HoldPoint.Earlier(hold, point) : point;
    }

    public bool IsBehind(HoldPoint candidate) =>
        candidate.Position > Committed.Position || !HasCheckpoint || (candidate.Tick > Committed.Tick && IsAwaited && candidate.Position == Committed.Position);

    /// <summary>The wait of a ManualFlush would end with this checkpoint.</summary>
    public bool Satisfies(HoldPoint candidate) => IsAwaited && candidate.Tick >= AwaitedTick;

    public void Advance(HoldPoint point, long now)
    {
        Committed = point;
        HasCheckpoint = true;
        CheckpointAt = now;
        IsActive = false;
    }

    private bool IsAwaited => AwaitedTick > Committed.Tick;
}
