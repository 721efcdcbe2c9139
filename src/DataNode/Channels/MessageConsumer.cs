using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Time;
using MiniMilvus.DataNode.Checkpoints;
using MiniMilvus.DataNode.Flush;

namespace MiniMilvus.DataNode.Channels;

/// <summary>
/// What each message does to its shard's buffers. Total: a message that is not wanted (below the shard's checkpoint, of a segment that is no longer
/// growing, of a dropped collection) is skipped, and the same message again has no further effect (S5).
/// </summary>
internal sealed class MessageConsumer(NodeContext context, ShardSet shards, ShardTender tender)
{
    /// <summary>Bytes of rows and deletes consumed from the pchannel; tells how much of the log a segment holds back.</summary>
    public long LogBytes { get; private set; }

    public void Consume(LogMessage message, HoldPoint consumed, long now)
    {
        if (message.Channel is not { } channel || !shards.TryFind(channel, message.Body, out var shard)
            || message.Position < shard.Committed.Position || shard.IsDropped)
        {
            return;
        }

        shard.IsActive = true;
        switch (message.Body)
        {
            case CreateSegmentBody create:
                if (!shard.Segments.ContainsKey(create.Segment) && IsGrowing(shard, create.Segment))
                {
                    shard.Begin(new WriteBuffer(create.Segment, create.Collection, create.Partition, create.SchemaVersion, HoldPoint.Before(message), now, LogBytes));
                }

                break;
            case InsertBody insert:
                Insert(shard, message, insert, now);
                break;
            case DeleteBody delete:
                Delete(shard, message, delete, now);
                break;
            case FlushBody flush:
                Seal(shard, flush.Segment, message.Position);
                break;
            case ManualFlushBody:
                // Its wait ends when the checkpoint's tick reaches this message's: segments flushed, deletes in files.
                shard.AwaitedTick = Timestamp.Later(shard.AwaitedTick, message.CommitTick);
                shard.DeletesDue = true;
                tender.Tend(shard, consumed, now);
                break;
            case CreateCollectionBody:
                tender.Tend(shard, consumed, now); // A checkpoint at once: a restart need not read the log from its beginning.
                break;
            case DropCollectionBody drop:
                Log.CollectionDropped(context.Log, shard.Channel, drop.Collection);
                tender.DropCollection(shard);
                tender.Tend(shard, consumed, now);
                break;
            case DropPartitionBody drop:
                tender.DropPartition(shard, drop.Partition);
                tender.Tend(shard, consumed, now);
                break;
            case CreatePartitionBody or SchemaChangeBody:
                break; // The catalogue tells; a segment keeps the schema version that it began with.
            default:
                break; // Ticks and transaction markers carry nothing to keep.
        }
    }

    private void Insert(Shard shard, LogMessage message, InsertBody insert, long now)
    {
        if (!shard.Segments.TryGetValue(insert.Segment, out var buffer))
        {
            if (!IsGrowing(shard, insert.Segment))
            {
                return;
            }

            Log.SegmentWithoutBeginning(context.Log, insert.Segment, shard.Channel, message.Position);
            buffer = new WriteBuffer(insert.Segment, insert.Collection, insert.Partition, insert.SchemaVersion, HoldPoint.Before(message), now, LogBytes);
            shard.Begin(buffer);
        }

        if (buffer.IsSealed)
        {
            throw Core.Errors.MiniMilvusException.Corrupted($"segment {insert.Segment} of {shard.Channel}: expected no row after its Flush at {buffer.End}, found rows at {message.Position} (S1)");
        }

        if (buffer.IsDiscarded)
        {
            return;
        }

        LogBytes += insert.Rows.Bytes;
        context.Budget.Charge(buffer.Add(insert.Rows, message.CommitTick, now));
        context.Metrics.Consumed("insert", insert.Rows.Count);
        context.Metrics.Buffered(insert.Rows.Count);
        if (context.Stations.IsEnabled)
        {
            context.Stations.Emit(new StationEvent(Station.WriteBuffer, shard.Channel.Name, message.CommitTick, message.Position, insert.Rows.Count));
        }
    }

    private void Delete(Shard shard, LogMessage message, DeleteBody delete, long now)
    {
        if (delete.Keys.Count == 0 || shard.IsInFile(message.Position))
        {
            return;
        }

        LogBytes += delete.Keys.Bytes;
        context.Budget.Charge(shard.Deletes.Add(message, delete, now));
        context.Metrics.Consumed("delete", delete.Keys.Count);
        if (shard.Deletes.Count >= context.Options.DeleteCountMax || shard.Deletes.Bytes >= context.Options.DeleteBytesMax)
        {
            shard.DeletesDue = true;
            tender.StartDeletes(shard);
        }
    }

    private void Seal(Shard shard, SegmentId segment, LogPosition end)
    {
        if (shard.Segments.TryGetValue(segment, out var buffer) && !buffer.IsSealed && !buffer.IsDiscarded)
        {
            buffer.Seal(end);
            context.Metrics.FlushRequested();
            tender.StartFlush(shard, buffer);
        }
    }

    /// <summary>A segment that the catalogue does not show yet counts as growing: the catalogue's view may lag behind the log, never the log behind it.</summary>
    private bool IsGrowing(Shard shard, SegmentId segment) =>
        context.Catalog.Current.FindSegment(shard.Collection, segment) is null or { State: SegmentState.Growing };
}
