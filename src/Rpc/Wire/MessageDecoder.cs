using System.Buffers;
using Grpc.Core;

namespace MiniMilvus.Rpc.Wire;

/// <summary>Turns payloads of one stream into messages where they lie, inflating those that are flagged.</summary>
internal sealed class MessageDecoder(string? encoding, int messageBytesMax)
{
    private readonly PayloadDeserializationContext _context = new();

    internal int MessageBytesMax => messageBytesMax;

    internal T Decode<T>(in ReadOnlySequence<byte> payload, bool compressed, Func<DeserializationContext, T> deserializer)
    {
        if (!compressed)
        {
            return Deserialize(payload, deserializer);
        }

        if (encoding != GrpcHeaders.Gzip)
        {
            throw new RpcException(new Status(StatusCode.Internal, "A message is flagged as compressed, but grpc-encoding names no compression."));
        }

        using PooledBufferWriter inflated = GzipDecoder.Decode(payload, messageBytesMax);
        return Deserialize(new ReadOnlySequence<byte>(inflated.Written), deserializer);
    }

    private T Deserialize<T>(in ReadOnlySequence<byte> payload, Func<DeserializationContext, T> deserializer)
    {
        _context.Payload = payload;
        try
        {
            return deserializer(_context);
        }
        finally
        {
            _context.Payload = default;
        }
    }
}
