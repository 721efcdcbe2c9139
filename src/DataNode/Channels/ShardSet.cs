using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Messages;
using MiniMilvus.DataNode.Checkpoints;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.DataNode.Channels;

/// <summary>
/// The shards of one pchannel. A shard is known from the catalogue or from its CreateCollection in the log; a collection that is in neither is dropped (S5):
/// the intent to create it preceded its CreateCollection, which lies above where reading began if the catalogue did not show it then.
/// </summary>
internal sealed class ShardSet(PChannel pchannel, CatalogView catalog, ILogger log)
{
    private readonly Dictionary<VChannel, Shard> _shards = [];

    public IReadOnlyCollection<Shard> All => _shards.Values;

    /// <summary>Takes the shards of the catalogue. Returns where reading begins: the lowest of their checkpoints (S3).</summary>
    public LogPosition Open()
    {
        LogPosition? from = null;
        foreach (var collection in catalog.Current.Collections.Values.OrderBy(c => c.Id))
        {
            foreach (var channel in collection.Channels.Where(c => c.PChannel == pchannel).OrderBy(c => c.Name, StringComparer.Ordinal))
            {
                var shard = Add(channel, collection.Id);
                from = LogPosition.Min(from ?? LogPosition.Max, shard.Committed.Position);
            }
        }

        return from ?? LogPosition.Beginning;
    }

    public bool TryFind(VChannel channel, MessageBody body, [NotNullWhen(true)] out Shard? shard)
    {
        if (_shards.TryGetValue(channel, out shard))
        {
            return true;
        }

        if (CollectionOf(body) is not { } collection)
        {
            return false;
        }

        if (body is CreateCollectionBody || catalog.Current.FindCollection(collection)?.Channels.Contains(channel) == true)
        {
            shard = Add(channel, collection);
            return true;
        }

        Log.CollectionUnknown(log, channel, collection);
        return false;
    }

    /// <summary>Forgets a shard whose collection is gone from log and catalogue.</summary>
    public void Remove(Shard shard) => _shards.Remove(shard.Channel);

    private Shard Add(VChannel channel, CollectionId collection)
    {
        var snapshot = catalog.Current;
        var checkpoint = snapshot.CheckpointOf(channel);
        var point = checkpoint is null ? default : new HoldPoint(checkpoint.Position, checkpoint.Tick);
        return _shards[channel] = new Shard(channel, collection, point, checkpoint is not null,
            [.. snapshot.DeleteFilesOf(channel).Values.Where(f => f.Until > point.Position).Select(f => (f.From, f.Until))]);
    }

    private static CollectionId? CollectionOf(MessageBody body) => body switch
    {
        InsertBody b => b.Collection,
        DeleteBody b => b.Collection,
        CreateSegmentBody b => b.Collection,
        FlushBody b => b.Collection,
        ManualFlushBody b => b.Collection,
        CreateCollectionBody b => b.Collection,
        DropCollectionBody b => b.Collection,
        CreatePartitionBody b => b.Collection,
        DropPartitionBody b => b.Collection,
        SchemaChangeBody b => b.Collection,
        _ => null,
    };
}
