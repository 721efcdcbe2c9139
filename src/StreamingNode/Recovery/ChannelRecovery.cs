using MiniMilvus.Core;
using MiniMilvus.Core.Messages;
using MiniMilvus.StreamingNode.Append;
using MiniMilvus.StreamingNode.Reading;
using MiniMilvus.StreamingNode.Tail;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.StreamingNode.Recovery;

/// <summary>
/// What a new owner learns by reading its own log from the truncation point: the shards, their growing segments and how full they are, and a
/// transaction that its predecessor left open. The catalogue gives the shards whose CreateCollection is already truncated.
/// </summary>
internal sealed class ChannelRecovery(PChannel channel, Dictionary<VChannel, ShardState> shards, BacklogGauge backlog)
{
    private readonly TransactionAssembler _assembler = new(channel, startsAnywhere: true);
    private readonly List<LogMessage> _deliver = [];

    public Dictionary<VChannel, ShardState> Shards => shards;

    /// <summary>The Begin of a transaction that nobody can finish any more, or null.</summary>
    public LogMessage? OpenTransaction => _assembler.OpenTransaction;

    public Core.Time.Timestamp LastTick => _assembler.LastTick;

    /// <summary>Reads [the truncation point, <paramref name="until"/>) and fills the tail buffer on the way.</summary>
    public async Task<TailBuffer> ReplayAsync(IWoodpecker woodpecker, LogPosition until, long tailBytes, CancellationToken ct)
    {
        TailBuffer? tail = null;
        await foreach (var entry in woodpecker.ReadAsync(channel.Name, LogPosition.Beginning, until, ct))
        {
            var message = MessageCodec.Decode(entry.Bytes, entry.Position);
            tail ??= new TailBuffer(entry.Position, tailBytes);
            tail.Publish(message, entry.Bytes.Length);
            backlog.Add(entry.Position, entry.Bytes.Length);
            _assembler.Add(message, _deliver);
            foreach (var delivered in _deliver)
            {
                Apply(delivered);
            }

            _deliver.Clear();
        }

        return tail ?? new TailBuffer(until, tailBytes);
    }

    private void Apply(LogMessage message)
    {
        if (message.Channel is not { } vchannel)
        {
            return;
        }

        if (message.Body is CreateCollectionBody create)
        {
            shards.TryAdd(vchannel, new ShardState(create.Collection, create.Schema.Version));
        }

        if (!shards.TryGetValue(vchannel, out var shard))
        {
            return; // A dropped collection's messages: nothing is fatal (S5).
        }

        switch (message.Body)
        {
            case DropCollectionBody:
                shards.Remove(vchannel);
                break;
            case SchemaChangeBody change:
                shard.SchemaVersion = Math.Max(shard.SchemaVersion, change.Schema.Version);
                break;
            case DropPartitionBody drop:
                shard.DroppedPartitions.Add(drop.Partition);
                shard.Growing.Remove(drop.Partition);
                break;
            case CreateSegmentBody created:
                shard.Growing[created.Partition] = new GrowingAssignment(created.Segment);
                break;
            case InsertBody insert when shard.Growing.TryGetValue(insert.Partition, out var growing) && growing.Id == insert.Segment:
                growing.Rows += insert.Rows.Count;
                growing.Bytes += insert.Rows.Bytes;
                break;
            case FlushBody flush:
                foreach (var (partition, growing) in shard.Growing)
                {
                    if (growing.Id == flush.Segment)
                    {
                        shard.Growing.Remove(partition);
                        break;
                    }
                }

                break;
        }
    }
}
