using System.Buffers;
using System.IO.Pipelines;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using MiniMilvus.Rpc.Wire;

namespace MiniMilvus.Rpc.Server;

/// <summary>Cuts a request body into messages. A message is parsed where Kestrel put it; nothing is copied, and nothing is read ahead of the handler.</summary>
internal sealed class MessageReader(PipeReader body, MessageDecoder decoder, RpcServerCallContext call)
{
    /// <summary>The only message of the body. Waits for the end of the body, so that the stream ends in order.</summary>
    internal async ValueTask<T> ReadSingleAsync<T>(Func<DeserializationContext, T> deserializer)
        where T : class
    {
        T message = await ReadAsync(deserializer, CancellationToken.None)
            ?? throw new RpcException(new Status(StatusCode.Internal, "Incomplete message."));
        return await ReadAsync(deserializer, CancellationToken.None) is null
            ? message
            : throw new RpcException(new Status(StatusCode.Internal, "Additional data after the message received."));
    }

    /// <summary>The next message, or null at the end of the body.</summary>
    internal async ValueTask<T?> ReadAsync<T>(Func<DeserializationContext, T> deserializer, CancellationToken ct)
        where T : class
    {
        while (true)
        {
            ReadResult result = await ReadBodyAsync(ct);
            if (result.IsCanceled)
            {
                // The deadline woke us.
                body.AdvanceTo(result.Buffer.Start);
                throw new OperationCanceledException(call.CancellationToken);
            }

            ReadOnlySequence<byte> buffer = result.Buffer;
            try
            {
                if (MessageFrame.TryReadHeader(buffer, decoder.MessageBytesMax, out bool compressed, out int payloadBytes)
                    && buffer.Length - MessageFrame.HeaderBytes >= payloadBytes)
                {
                    ReadOnlySequence<byte> payload = buffer.Slice(MessageFrame.HeaderBytes, payloadBytes);
                    T message = decoder.Decode(payload, compressed, deserializer);
                    body.AdvanceTo(payload.End);
                    return message;
                }
            }
            catch (Exception e)
            {
                // The call is lost, but the bytes count as read, so that the connection's window stays open.
                body.AdvanceTo(buffer.End);
                if (e is RpcException)
                {
                    throw;
                }

                // The frame was whole and what it holds is not of the method's type: the caller's mistake, and no defect of the handler.
                throw new RpcException(new Status(StatusCode.InvalidArgument, $"The message is not of the method's type: {e.Message}", e));
            }

            if (result.IsCompleted)
            {
                long left = buffer.Length;
                body.AdvanceTo(buffer.End);
                return left == 0 ? null : throw new RpcException(new Status(StatusCode.Internal, "Incomplete message."));
            }

            body.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    /// <summary>Ends a read that waits. A connection that broke has ended it already, and says so by throwing.</summary>
    internal void Wake()
    {
        try
        {
            body.CancelPendingRead();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The read has ended by itself, which is what was asked for.
        }
    }

    private async ValueTask<ReadResult> ReadBodyAsync(CancellationToken ct)
    {
        try
        {
            return await body.ReadAsync(ct);
        }
        catch (BadHttpRequestException e)
        {
            throw new RpcException(new Status(StatusCode.Internal, $"The request is not valid HTTP: {e.Message}", e));
        }
        catch (IOException e)
        {
            throw new OperationCanceledException("The client reset the request stream.", e, call.CancellationToken);
        }
    }
}

/// <summary>A request stream as its handler sees it.</summary>
internal sealed class RequestStreamReader<T>(MessageReader requests, Func<DeserializationContext, T> deserializer) : IAsyncStreamReader<T>
    where T : class
{
    private T? _current;
    private int _reading;
    private bool _ended;

    public T Current => _current ?? throw new InvalidOperationException("No current element is available.");

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _reading, 1) != 0)
        {
            throw new InvalidOperationException("Can't read the next message because the previous read is still in progress.");
        }

        try
        {
            if (_ended)
            {
                return false;
            }

            _current = await requests.ReadAsync(deserializer, cancellationToken);
            _ended = _current is null;
            return !_ended;
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }
}
