using System.Buffers;
using System.Buffers.Binary;
using Grpc.Core;

namespace MiniMilvus.Rpc.Wire;

/// <summary>The five bytes before each message: a compressed flag and a big-endian length.</summary>
internal static class MessageFrame
{
    internal const int HeaderBytes = 5;
    internal const int DefaultMessageBytesMax = 64 * 1024 * 1024;

    internal static void WriteHeader(Span<byte> target, int payloadBytes)
    {
        target[0] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(target[1..], (uint)payloadBytes);
    }

    /// <summary>Reads the header where five bytes are there; refuses lengths above the limit before anything is buffered for them.</summary>
    internal static bool TryReadHeader(in ReadOnlySequence<byte> buffer, int messageBytesMax, out bool compressed, out int payloadBytes)
    {
        compressed = false;
        payloadBytes = 0;
        if (buffer.Length < HeaderBytes)
        {
            return false;
        }

        if (buffer.FirstSpan.Length >= HeaderBytes)
        {
            Parse(buffer.FirstSpan, messageBytesMax, out compressed, out payloadBytes);
            return true;
        }

        Span<byte> copy = stackalloc byte[HeaderBytes];
        buffer.Slice(0, HeaderBytes).CopyTo(copy);
        Parse(copy, messageBytesMax, out compressed, out payloadBytes);
        return true;
    }

    internal static void Parse(ReadOnlySpan<byte> header, int messageBytesMax, out bool compressed, out int payloadBytes)
    {
        compressed = header[0] switch
        {
            0 => false,
            1 => true,
            byte flag => throw new RpcException(new Status(StatusCode.Internal, $"Unexpected compressed flag {flag} in message header.")),
        };
        uint length = BinaryPrimitives.ReadUInt32BigEndian(header[1..]);
        if (length > (uint)messageBytesMax)
        {
            throw ReceivedTooLarge(length, messageBytesMax);
        }

        payloadBytes = (int)length;
    }

    internal static RpcException ReceivedTooLarge(long bytes, int messageBytesMax)
        => new(new Status(StatusCode.ResourceExhausted, $"Received message of {bytes} bytes exceeds the maximum configured message size of {messageBytesMax} bytes."));

    internal static RpcException SendTooLarge(long bytes, int messageBytesMax)
        => new(new Status(StatusCode.ResourceExhausted, $"Sending message of {bytes} bytes exceeds the maximum configured message size of {messageBytesMax} bytes."));
}
