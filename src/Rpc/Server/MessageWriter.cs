using System.Buffers;
using System.IO.Pipelines;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using MiniMilvus.Rpc.Wire;

namespace MiniMilvus.Rpc.Server;

/// <summary>Writes messages into the response body: straight into Kestrel's buffer where the serializer tells the length first, through a pooled one where not.</summary>
internal sealed class MessageWriter(RpcServerCallContext call, HttpResponse response, int messageBytesMax) : SerializationContext
{
    private const int HintedBytesMax = 64 * 1024;
    private PipeWriter? _body;
    private BufferedSerializationContext? _buffered;
    private bool _headerWritten;
    private int _unflushed;

    /// <summary>True while a message is half written: the response can then only be reset.</summary>
    internal bool IsTorn { get; private set; }

    /// <summary>The single response of a call. Not flushed: headers, message and trailers leave together when the call ends.</summary>
    internal async ValueTask WriteLastAsync<T>(T message, Action<T, SerializationContext> serializer)
        where T : class
    {
        if (message is null)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "No message returned from method."));
        }

        if (call.HasFailed)
        {
            return;
        }

        call.BeginWrite();
        try
        {
            await StartAsync();
            Serialize(message, serializer);
        }
        finally
        {
            call.EndWrite(blocked: false);
        }
    }

    /// <summary>One message of a stream. The flush waits while the client does not read; that is the back-pressure.</summary>
    internal async Task WriteAsync<T>(T message, Action<T, SerializationContext> serializer, bool hinted, CancellationToken ct)
    {
        call.CancellationToken.ThrowIfCancellationRequested();
        ct.ThrowIfCancellationRequested();
        call.BeginWrite();
        bool blocked = false;
        try
        {
            await StartAsync();
            Serialize(message, serializer);
            if (hinted && _unflushed < HintedBytesMax)
            {
                return;
            }

            _unflushed = 0;
            ValueTask<FlushResult> flush = _body!.FlushAsync(ct.CanBeCanceled ? ct : call.CancellationToken);
            blocked = !flush.IsCompleted;
            FlushResult flushed = await flush;
            blocked = false;
            if (flushed.IsCompleted || flushed.IsCanceled)
            {
                call.CancellationToken.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            call.EndWrite(blocked);
        }
    }

    internal async Task WriteHeadersAsync()
    {
        call.BeginWrite();
        try
        {
            await StartAsync();
            await _body!.FlushAsync(call.CancellationToken);
        }
        finally
        {
            call.EndWrite(blocked: false);
        }
    }

    public override void SetPayloadLength(int payloadLength)
    {
        if (payloadLength > messageBytesMax)
        {
            throw MessageFrame.SendTooLarge(payloadLength, messageBytesMax);
        }

        if (!_headerWritten)
        {
            _headerWritten = true;
            IsTorn = true;
            MessageFrame.WriteHeader(_body!.GetSpan(MessageFrame.HeaderBytes), payloadLength);
            _body.Advance(MessageFrame.HeaderBytes);
            _unflushed += payloadLength + MessageFrame.HeaderBytes;
        }
    }

    public override IBufferWriter<byte> GetBufferWriter()
        => _headerWritten ? _body! : (_buffered ??= new BufferedSerializationContext(messageBytesMax)).GetBufferWriter();

    public override void Complete(byte[] payload)
    {
        SetPayloadLength(payload.Length);
        _body!.Write(payload);
    }

    public override void Complete()
    {
        if (!_headerWritten && _buffered is not null)
        {
            _buffered.Complete();
            _body!.Write(_buffered.Frame.Span);
            _unflushed += _buffered.BufferedBytes;
        }
    }

    private async ValueTask StartAsync()
    {
        if (!response.HasStarted)
        {
            await response.StartAsync();
        }

        _body ??= response.BodyWriter;
    }

    private void Serialize<T>(T message, Action<T, SerializationContext> serializer)
    {
        _headerWritten = false;
        try
        {
            serializer(message, this);
            IsTorn = false;
        }
        finally
        {
            _buffered?.Dispose();
            _buffered = null;
        }
    }
}

/// <summary>A response stream as its handler sees it.</summary>
internal sealed class ResponseStreamWriter<T>(RpcServerCallContext call, Action<T, SerializationContext> serializer) : IServerStreamWriter<T>
    where T : class
{
    public WriteOptions? WriteOptions
    {
        get => call.WriteOptions;
        set => call.WriteOptions = value;
    }

    public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

    public Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        return call.Responses.WriteAsync(message, serializer, ((WriteOptions?.Flags ?? 0) & WriteFlags.BufferHint) != 0, cancellationToken);
    }
}
