using System.Net;
using MiniMilvus.Rpc.Wire;

namespace MiniMilvus.Rpc.Client;

/// <summary>The body of a call with one request: its frame in a pooled buffer, which goes back only when nobody can send it any more (the handler may resend on a new connection).</summary>
internal sealed class MessageContent(BufferedSerializationContext frame) : HttpContent
{
    private int _sending;

    /// <summary>After the response has begun. A send that is still running keeps the buffer from the pool; the collector takes it.</summary>
    internal void Release()
    {
        if (Volatile.Read(ref _sending) == 0)
        {
            frame.Dispose();
        }
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _sending);
        try
        {
            await stream.WriteAsync(frame.Frame, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _sending);
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
