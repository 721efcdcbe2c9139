using System.Buffers;
using System.Diagnostics.CodeAnalysis;
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
                Advance(result.Buffer.Start, result.Buffer.Start);
                throw new OperationCanceledException(call.CancellationToken);
            }

            ReadOnlySequence<byte> buffer = result.Buffer;
            if (TryTake(buffer, deserializer, out T? message, out SequencePosition end))
            {
                Advance(end, end);
                return message;
            }

            if (result.IsCompleted)
            {
                long left = buffer.Length;
                Advance(buffer.End, buffer.End);
                return left == 0 ? null : throw new RpcException(new Status(StatusCode.Internal, "Incomplete message."));
            }

            Advance(buffer.Start, buffer.End);
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

    private bool TryTake<T>(ReadOnlySequence<byte> buffer, Func<DeserializationContext, T> deserializer, [NotNullWhen(true)] out T? message, out SequencePosition end)
        where T : class
    {
        try
        {
            (message, end) = (null, buffer.Start);
            if (!MessageFrame.TryReadHeader(buffer, decoder.MessageBytesMax, out bool compressed, out int payloadBytes) || buffer.Length - MessageFrame.HeaderBytes < payloadBytes)
            {
                return false;
            }

            ReadOnlySequence<byte> payload = buffer.Slice(MessageFrame.HeaderBytes, payloadBytes);
            (message, end) = (decoder.Decode(payload, compressed, deserializer), payload.End);
            return true;
        }
        catch (Exception e)
        {
            // The call is lost, but the bytes count as read, so that the connection's window stays open.
            Advance(buffer.End, buffer.End);
            if (e is RpcException)
            {
                throw;
            }

            // The frame was whole and what it holds is not of the method's type: the caller's mistake, and no defect of the handler.
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"The message is not of the method's type: {e.Message}", e));
        }
    }

    /// <summary>Where the connection broke behind the read, this is what says so.</summary>
    private void Advance(SequencePosition consumed, SequencePosition examined)
    {
        try
        {
            body.AdvanceTo(consumed, examined);
        }
        catch (IOException e)
        {
            throw Reset(e);
        }
    }

    private OperationCanceledException Reset(IOException e) => new("The client reset the request stream.", e, call.CancellationToken);

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
            throw Reset(e);
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
