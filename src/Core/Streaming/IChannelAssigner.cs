using MiniMilvus.Core.Catalog;

namespace MiniMilvus.Core.Streaming;

/// <summary>The coordinator's side of channel assignment, as streaming nodes and clients report to it.</summary>
public interface IChannelAssigner
{
    /// <summary>
    /// "This assignment does not work": the channel is assigned again at once, in a higher term. A report about an assignment that is no
    /// longer the newest changes nothing. Returns the newest assignment.
    /// </summary>
    ValueTask<ChannelAssignment> ReportErrorAsync(ChannelAssignment assignment, CancellationToken ct);
}
