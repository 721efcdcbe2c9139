using MiniMilvus.Core;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.DataNode.Flush;

namespace MiniMilvus.Host.Wiring;

/// <summary>The data node's wish to have a shard's growing segments sealed, as a message in the log like a user's Flush.</summary>
internal sealed class LogSealRequester(IStreamingClient streaming) : ISealRequester
{
    public async ValueTask RequestSealAsync(VChannel channel, CollectionId collection, CancellationToken ct) =>
        await streaming.AppendAsync(channel, [new ManualFlushBody(collection, [])], ct);
}
