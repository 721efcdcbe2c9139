using System.Buffers;
using Google.Protobuf;
using MiniMilvus.Contracts.Internal.Streaming;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Host.Remote;

/// <summary>Log messages and positions on the wire between a streaming node and its clients.</summary>
internal static class StreamingWire
{
    public static Contracts.Internal.Streaming.LogPosition ToWire(Core.LogPosition p) => new() { Segment = p.Segment, Entry = p.Entry };

    public static Core.LogPosition FromWire(Contracts.Internal.Streaming.LogPosition? p) => p is null ? default : new(p.Segment, p.Entry);

    /// <summary>A body in the log's own encoding, in a message that has no place and no tick yet.</summary>
    public static ByteString ToWire(VChannel channel, MessageBody body) =>
        ToWire(new LogMessage { Term = Term.None, TimeTick = Timestamp.Zero, Channel = channel, Body = body });

    public static ByteString ToWire(LogMessage message)
    {
        var bytes = new ArrayBufferWriter<byte>(MessageCodec.EncodedBytes(message));
        MessageCodec.Encode(message, bytes);
        return UnsafeByteOperations.UnsafeWrap(bytes.WrittenMemory);
    }

    public static LogMessage FromWire(ByteString message, Core.LogPosition position) => MessageCodec.Decode(message.Memory, position);

    /// <summary>What a client asks to append. Bytes that are no message are its mistake: nothing stored is damaged.</summary>
    public static MessageBody BodyFromWire(ByteString message)
    {
        try
        {
            return FromWire(message, default).Body;
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
        {
            throw MiniMilvusException.Invalid($"append: expected a log message: {e.Message}");
        }
    }

    public static Failure ToWire(MiniMilvusException e) => new() { Kind = (int)e.Kind, Reason = (int)e.Reason, Message = e.Message };

    public static MiniMilvusException FromWire(Failure f) => new((ErrorKind)f.Kind, (ErrorReason)f.Reason, f.Message);
}
