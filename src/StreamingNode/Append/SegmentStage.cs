using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;

namespace MiniMilvus.StreamingNode.Append;

/// <summary>
/// Station 7: fixes each row's segment (S1). A batch that does not fit seals the segment (Flush) and begins a new one; CreateSegment precedes
/// the first row in the log and Flush follows the last. Also where an owner refuses what does not belong: an unknown shard, a stale schema.
/// </summary>
internal sealed class SegmentStage(Term term, StreamingNodeOptions options, ICoordinator coordinator, Dictionary<VChannel, ShardState> shards)
{
    public IReadOnlyDictionary<VChannel, ShardState> Shards => shards;

    /// <summary>Checks a request without changing anything; throws when it must be refused.</summary>
    public void Check(VChannel channel, ImmutableArray<MessageBody> bodies)
    {
        foreach (var body in bodies)
        {
            if (body is CreateCollectionBody)
            {
                continue;
            }

            if (!shards.TryGetValue(channel, out var shard))
            {
                if (body is DropCollectionBody)
                {
                    continue; // Dropped before: a resumed DDL appends again (S11).
                }

                throw MiniMilvusException.NotFound(ErrorReason.ChannelNotFound, $"channel {channel}: no such shard here (is the collection dropped?)");
            }

            switch (body)
            {
                case InsertBody insert when insert.Collection != shard.Collection:
                    throw MiniMilvusException.Invalid($"channel {channel}: expected rows of collection {shard.Collection}, found {insert.Collection}");
                case InsertBody insert when insert.SchemaVersion != shard.SchemaVersion:
                    throw MiniMilvusException.Conflict(ErrorReason.SchemaMismatch,
                        $"channel {channel}: expected schema version {shard.SchemaVersion}, found {insert.SchemaVersion}");
                case InsertBody insert when shard.DroppedPartitions.Contains(insert.Partition):
                    throw MiniMilvusException.NotFound(ErrorReason.PartitionNotFound, $"channel {channel}: partition {insert.Partition} is dropped");
                case InsertBody or DeleteBody or ManualFlushBody or DropCollectionBody or CreatePartitionBody or DropPartitionBody or SchemaChangeBody:
                    break;
                default:
                    throw MiniMilvusException.Invalid($"channel {channel}: a {body.Type} message is not for clients to append");
            }
        }
    }

    /// <summary>The shard as it is now, to be given to <see cref="Restore"/>; null when there is none.</summary>
    public ShardState? Save(VChannel channel) => shards.TryGetValue(channel, out var shard) ? shard.Copy() : null;

    /// <summary>Undoes what placing did, when nothing of it has entered the log.</summary>
    public void Restore(VChannel channel, ShardState? saved)
    {
        if (saved is null)
        {
            shards.Remove(channel);
        }
        else
        {
            shards[channel] = saved;
        }
    }

    /// <summary>An upper bound of the messages that placing <paramref name="bodies"/> makes, transaction markers included.</summary>
    public int MessagesAtMost(VChannel channel, ImmutableArray<MessageBody> bodies) =>
        2 + (3 * bodies.Length) + (shards.TryGetValue(channel, out var shard) ? shard.Growing.Count : 0);

    /// <summary>Places the bodies: adds CreateSegment and Flush messages where they are due, and gives inserts their segment.</summary>
    public async ValueTask<(ImmutableArray<MessageBody> Bodies, ImmutableArray<SegmentId> Sealed)> PlaceAsync(
        VChannel channel, ImmutableArray<MessageBody> bodies, CancellationToken ct)
    {
        var placed = ImmutableArray.CreateBuilder<MessageBody>(bodies.Length + 2);
        var sealedIds = ImmutableArray<SegmentId>.Empty;
        shards.TryGetValue(channel, out var shard);
        foreach (var body in bodies)
        {
            switch (body)
            {
                case InsertBody insert:
                    placed.Add(insert with { Segment = await AssignAsync(channel, shard!, insert, placed, ct) });
                    break;
                case ManualFlushBody flush:
                    sealedIds = SealAll(shard!, placed);
                    placed.Add(flush with { Segments = sealedIds });
                    break;
                case SchemaChangeBody change:
                    SealAll(shard!, placed);
                    shard!.SchemaVersion = change.Schema.Version;
                    placed.Add(change);
                    break;
                case CreateCollectionBody create:
                    shards.TryAdd(channel, new ShardState(create.Collection, create.Schema.Version));
                    placed.Add(create);
                    break;
                case DropCollectionBody:
                    shards.Remove(channel);
                    placed.Add(body);
                    break;
                case DropPartitionBody drop:
                    shard!.DroppedPartitions.Add(drop.Partition);
                    shard.Growing.Remove(drop.Partition);
                    placed.Add(drop);
                    break;
                default:
                    placed.Add(body);
                    break;
            }
        }

        return (placed.ToImmutable(), sealedIds);
    }

    private async ValueTask<SegmentId> AssignAsync(VChannel channel, ShardState shard, InsertBody insert, ImmutableArray<MessageBody>.Builder placed, CancellationToken ct)
    {
        var bytes = insert.Rows.Bytes;
        if (shard.Growing.TryGetValue(insert.Partition, out var growing)
            && growing.Rows > 0
            && (growing.Rows + insert.Rows.Count > options.SegmentRowsMax || growing.Bytes + bytes > options.SegmentBytesMax))
        {
            placed.Add(new FlushBody(shard.Collection, growing.Id));
            shard.Growing.Remove(insert.Partition);
            growing = null;
        }

        if (growing is null)
        {
            var id = new SegmentId(await coordinator.AllocateIdsAsync(1, ct));
            await coordinator.CommitAsync(new RegisterGrowing(channel, term, id, shard.Collection, insert.Partition, shard.SchemaVersion), ct);
            growing = shard.Growing[insert.Partition] = new GrowingAssignment(id);
            placed.Add(new CreateSegmentBody(shard.Collection, insert.Partition, id, shard.SchemaVersion));
        }

        growing.Rows += insert.Rows.Count;
        growing.Bytes += bytes;
        return growing.Id;
    }

    private static ImmutableArray<SegmentId> SealAll(ShardState shard, ImmutableArray<MessageBody>.Builder placed)
    {
        var ids = ImmutableArray.CreateBuilder<SegmentId>(shard.Growing.Count);
        foreach (var growing in shard.Growing.Values)
        {
            placed.Add(new FlushBody(shard.Collection, growing.Id));
            ids.Add(growing.Id);
        }

        shard.Growing.Clear();
        return ids.ToImmutable();
    }
}
