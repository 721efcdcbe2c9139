using System.Buffers;
using Grpc.Core;
using MiniMilvus.Rpc.Wire;

namespace MiniMilvus.Rpc.Client;

/// <summary>Cuts a response body into messages. One read of the socket may hold many; a message larger than the buffer gets a larger one.</summary>
internal sealed class ResponseReader(Stream body, MessageDecoder decoder) : IDisposable
{
    private const int BufferBytes = 8 * 1024;

    /// <summary>A longer message is believed as it comes: what a server merely says that it will send costs no memory.</summary>
    private const int UnseenBytesMax = 1024 * 1024;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private int _start;
    private int _end;
    private int _payloadBytes;
    private bool _compressed;

    /// <summary>True when a whole message lies in the buffer; false at the end of the body.</summary>
    internal async ValueTask<bool> ReadAsync(CancellationToken ct)
    {
        while (!HasMessage())
        {
            MakeRoom();
            int read = await body.ReadAsync(_buffer.AsMemory(_end), ct);
            if (read == 0)
            {
                return _end == _start ? false : throw new RpcException(new Status(StatusCode.Internal, $"The response ended inside a message, after {_end - _start} bytes of it."));
            }

            _end += read;
        }

        return true;
    }

    /// <summary>Takes the message that ReadAsync found.</summary>
    internal T Take<T>(Func<DeserializationContext, T> deserializer)
    {
        var payload = new ReadOnlySequence<byte>(_buffer, _start + MessageFrame.HeaderBytes, _payloadBytes);
        T message = decoder.Decode(payload, _compressed, deserializer);
        _start += MessageFrame.HeaderBytes + _payloadBytes;
        if (_start == _end)
        {
            _start = _end = 0;
            if (_buffer.Length > BufferedSerializationContext.KeptBytesMax)
            {
                ArrayPool<byte>.Shared.Return(_buffer);
                _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
            }
        }

        return message;
    }

    public void Dispose()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
            _start = _end = 0;
        }
    }

    private bool HasMessage()
    {
        if (_end - _start < MessageFrame.HeaderBytes)
        {
            return false;
        }

        MessageFrame.Parse(_buffer.AsSpan(_start, MessageFrame.HeaderBytes), decoder.MessageBytesMax, out _compressed, out _payloadBytes);
        return _end - _start - MessageFrame.HeaderBytes >= _payloadBytes;
    }

    private void MakeRoom()
    {
        int held = _end - _start;
        long wanted = held >= MessageFrame.HeaderBytes ? Math.Min((long)MessageFrame.HeaderBytes + _payloadBytes, Math.Max(UnseenBytesMax, 4L * held)) : BufferBytes;
        if (wanted > _buffer.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(checked((int)wanted));
            _buffer.AsSpan(_start, held).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }
        else if (_start > 0)
        {
            _buffer.AsSpan(_start, held).CopyTo(_buffer);
        }

        _start = 0;
        _end = held;
    }
}
