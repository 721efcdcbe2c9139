using System.Buffers;
using Grpc.Core;

namespace MiniMilvus.Rpc.Wire;

/// <summary>Appends framed messages to one pooled buffer: with a length known first the buffer is rented once and filled once.</summary>
internal sealed class BufferedSerializationContext(int messageBytesMax) : SerializationContext, IDisposable
{
    internal const int KeptBytesMax = 256 * 1024;
    private readonly PooledBufferWriter _buffer = new();
    private int _messageStart;
    private bool _headerReserved;

    internal ReadOnlyMemory<byte> Frame => _buffer.Written;

    internal int BufferedBytes => _buffer.WrittenBytes;

    /// <summary>Appends one message; on failure the buffer is as before.</summary>
    internal void Append<T>(T message, Action<T, SerializationContext> serializer)
    {
        _messageStart = _buffer.WrittenBytes;
        _headerReserved = false;
        try
        {
            serializer(message, this);
        }
        catch
        {
            _buffer.TruncateTo(_messageStart);
            throw;
        }
    }

    public override void SetPayloadLength(int payloadLength)
    {
        if (payloadLength > messageBytesMax)
        {
            throw MessageFrame.SendTooLarge(payloadLength, messageBytesMax);
        }

        ReserveHeader(payloadLength);
    }

    public override IBufferWriter<byte> GetBufferWriter()
    {
        ReserveHeader(0);
        return _buffer;
    }

    public override void Complete(byte[] payload)
    {
        SetPayloadLength(payload.Length);
        _buffer.Write(payload);
        Complete();
    }

    public override void Complete()
    {
        ReserveHeader(0);
        int payloadBytes = _buffer.WrittenBytes - _messageStart - MessageFrame.HeaderBytes;
        if (payloadBytes > messageBytesMax)
        {
            throw MessageFrame.SendTooLarge(payloadBytes, messageBytesMax);
        }

        MessageFrame.WriteHeader(_buffer.PatchAt(_messageStart, MessageFrame.HeaderBytes), payloadBytes);
    }

    /// <summary>Empties the buffer; a large one goes back, so that an idle stream holds little.</summary>
    internal void ClearAndTrim()
    {
        if (_buffer.Array.Length > KeptBytesMax)
        {
            _buffer.Dispose();
        }
        else
        {
            _buffer.Clear();
        }
    }

    public void Dispose() => _buffer.Dispose();

    private void ReserveHeader(int payloadBytes)
    {
        if (_headerReserved)
        {
            return;
        }

        _headerReserved = true;
        _buffer.Reserve(MessageFrame.HeaderBytes + payloadBytes);
        _buffer.Advance(MessageFrame.HeaderBytes);
    }
}

/// <summary>Hands a payload to a deserializer where it lies.</summary>
internal sealed class PayloadDeserializationContext : DeserializationContext
{
    internal ReadOnlySequence<byte> Payload { get; set; }

    public override int PayloadLength => (int)Payload.Length;

    public override byte[] PayloadAsNewBuffer() => Payload.ToArray();

    public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => Payload;
}
