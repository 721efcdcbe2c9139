using MiniMilvus.Core;

namespace MiniMilvus.DataNode.Flush;

/// <summary>
/// Asks the owner of a shard to seal its growing segments (the Host appends a ManualFlush). The data node never seals by itself: the log fixes
/// a segment's last row (S1). Errors: Unavailable, NotFound, Conflict or Fenced mean "not now"; the node asks again after a while.
/// </summary>
public interface ISealRequester
{
    ValueTask RequestSealAsync(VChannel channel, CollectionId collection, CancellationToken ct);
}
