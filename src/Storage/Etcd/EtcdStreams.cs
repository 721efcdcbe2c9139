using Grpc.Core;

namespace MiniMilvus.Storage.Etcd;

/// <summary>One message out, one message in, on streams whose end is a failure.</summary>
internal static class EtcdStreams
{
    public static async Task SendAsync<T>(IClientStreamWriter<T> stream, T message)
    {
        try
        {
            await stream.WriteAsync(message);
        }
        catch (RpcException)
        {
            // The call has ended: reading it tells why.
        }
    }

    public static async Task<T> ReceiveAsync<T>(IAsyncStreamReader<T> stream)
        where T : class =>
        await stream.MoveNext() ? stream.Current : throw new RpcException(new Status(StatusCode.Unavailable, "the server ended the stream"));
}
