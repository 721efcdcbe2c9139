using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;
using MiniMilvus.StreamingNode.Append;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.StreamingNode.Checkpoint;

/// <summary>
/// Station 19: drops the log below every consumer's checkpoint (S3): the data node's for each shard, the readers' reported positions, and the
/// owner's own recovery position, which is the lowest of the shards' checkpoints too, because a growing segment holds its shard's back (S4).
/// </summary>
internal sealed class LogTruncation(IWoodpecker woodpecker, CatalogView catalog, IMetaStore meta, IStationSink stations)
{
    /// <summary>Truncates one channel as far as all consumers allow; returns that position.</summary>
    public async ValueTask<LogPosition> TruncateAsync(ChannelOwner owner, CancellationToken ct)
    {
        var channel = owner.Assignment.Channel;
        // In this order: a collection is in the catalogue before its first message is in the log, so the refreshed view knows everyone
        // who may need something below this position.
        var until = owner.Confirmed;
        await catalog.RefreshAsync(ct);
        var snapshot = catalog.Current;
        foreach (var collection in snapshot.Collections.Values)
        {
            foreach (var vchannel in collection.Channels)
            {
                if (vchannel.PChannel == channel)
                {
                    until = LogPosition.Min(until, snapshot.CheckpointOf(vchannel)?.Position ?? LogPosition.Beginning);
                }
            }
        }

        foreach (var entry in (await meta.RangeAsync(CatalogKeys.Readers(channel), ct)).Entries)
        {
            until = LogPosition.Min(until, LogPosition.Parse(Encoding.ASCII.GetString(entry.Value.Span)));
        }

        var marks = await woodpecker.GetWatermarksAsync(channel.Name, ct);
        if (until > marks.TruncatedUntil)
        {
            await woodpecker.TruncateAsync(channel.Name, until, ct);
            owner.Backlog.Release(until);
            if (stations.IsEnabled)
            {
                stations.Emit(new StationEvent(Station.LogTruncated, channel.Name, Timestamp.Zero, until, 1));
            }
        }

        return until;
    }
}
