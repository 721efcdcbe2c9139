using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;

namespace MiniMilvus.StreamingNode.Append;

/// <summary>A growing segment as its owner counts it.</summary>
internal sealed class GrowingAssignment(SegmentId id)
{
    public SegmentId Id { get; } = id;
    public long Rows { get; set; }
    public long Bytes { get; set; }
}

/// <summary>What the owner of a pchannel knows of one vchannel: enough to refuse what does not belong (S11) and to place rows (S1).</summary>
internal sealed class ShardState(CollectionId collection, int schemaVersion)
{
    public CollectionId Collection { get; } = collection;
    public int SchemaVersion { get; set; } = schemaVersion;
    public HashSet<PartitionId> DroppedPartitions { get; } = [];
    public SortedDictionary<PartitionId, GrowingAssignment> Growing { get; } = [];

    /// <summary>A copy to go back to when a placed request could not be queued.</summary>
    public ShardState Copy()
    {
        var copy = new ShardState(Collection, SchemaVersion);
        copy.DroppedPartitions.UnionWith(DroppedPartitions);
        foreach (var (partition, growing) in Growing)
        {
            copy.Growing[partition] = new GrowingAssignment(growing.Id) { Rows = growing.Rows, Bytes = growing.Bytes };
        }

        return copy;
    }

    public static Dictionary<VChannel, ShardState> FromCatalog(PChannel channel, IEnumerable<CollectionRecord> collections)
    {
        var shards = new Dictionary<VChannel, ShardState>();
        foreach (var collection in collections)
        {
            if (collection.State == DdlState.Dropping)
            {
                continue;
            }

            foreach (var vchannel in collection.Channels)
            {
                if (vchannel.PChannel == channel)
                {
                    shards[vchannel] = new ShardState(collection.Id, collection.Schema.Version);
                }
            }
        }

        return shards;
    }
}
