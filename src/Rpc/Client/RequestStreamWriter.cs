using System.Net;
using Grpc.Core;
using MiniMilvus.Rpc.Wire;

namespace MiniMilvus.Rpc.Client;

/// <summary>The client's end of a request stream, and the HTTP body that carries it. A write ends when the connection took the bytes, which waits for the server's flow-control window.</summary>
internal sealed class RequestStreamWriter<TRequest, TResponse>(ClientCall<TRequest, TResponse> call, Action<TRequest, SerializationContext> serializer) : HttpContent, IClientStreamWriter<TRequest>
    where TRequest : class
    where TResponse : class
{
    private const int HintedBytesMax = 64 * 1024;
    private readonly BufferedSerializationContext _buffer = new(call.SendBytesMax);
    private readonly TaskCompletionSource<Stream> _stream = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _busy;
    private bool _completeCalled;
    private int _bodies;

    public WriteOptions? WriteOptions { get; set; } = call.WriteOptions;

    public Task WriteAsync(TRequest message) => WriteAsync(message, CancellationToken.None);

    public async Task WriteAsync(TRequest message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        Enter();
        CancellationTokenRegistration registration = default;
        try
        {
            if (_completeCalled)
            {
                throw new InvalidOperationException("Request stream has already been completed.");
            }

            if (cancellationToken.CanBeCanceled)
            {
                registration = cancellationToken.UnsafeRegister(static c => ((ClientCall<TRequest, TResponse>)c!).Cancel(), call);
            }

            ThrowIfEnded();
            _buffer.Append(message, serializer);
            bool hinted = ((WriteOptions?.Flags ?? 0) & WriteFlags.BufferHint) != 0;
            if (!hinted || _buffer.BufferedBytes >= HintedBytesMax)
            {
                await SendBufferAsync();
            }
        }
        finally
        {
            registration.Unregister();
            Volatile.Write(ref _busy, 0);
        }
    }

    public async Task CompleteAsync()
    {
        Enter();
        try
        {
            if (!_completeCalled)
            {
                _completeCalled = true;
                if (_buffer.BufferedBytes > 0 && !call.HasEnded)
                {
                    await SendBufferAsync();
                }

                _buffer.Dispose();
                _completed.TrySetResult();
            }
        }
        finally
        {
            Volatile.Write(ref _busy, 0);
        }
    }

    /// <summary>Wakes writers and lets the HTTP body end: with END_STREAM after a status, by the call's token after a failure.</summary>
    internal void OnCallEnded(Status status)
    {
        if (_stream.TrySetException(new RpcException(status)))
        {
            _ = _stream.Task.Exception;
        }

        _completed.TrySetResult();
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        // A second body would be a resend on a new connection; what was written to the first is gone.
        if (Interlocked.Increment(ref _bodies) > 1)
        {
            throw new IOException("A request stream cannot be sent twice.");
        }

        try
        {
            await stream.FlushAsync(cancellationToken); // or the headers of a call that sends nothing yet may wait for its first message
        }
        finally
        {
            _stream.TrySetResult(stream);
        }

        // Until the call ends, even where the stream was reset: the reason is in the response, and a body that fails first would hide it.
        await _completed.Task;
        cancellationToken.ThrowIfCancellationRequested();
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    private void Enter()
    {
        if (Interlocked.Exchange(ref _busy, 1) != 0)
        {
            throw new InvalidOperationException("Can't write the message because the previous write is in progress.");
        }
    }

    private void ThrowIfEnded()
    {
        if (call.HasEnded)
        {
            throw new RpcException(call.GetStatus(), call.GetTrailers());
        }
    }

    private async ValueTask SendBufferAsync()
    {
        try
        {
            Stream stream = await _stream.Task;
            await stream.WriteAsync(_buffer.Frame, call.Token);
            await stream.FlushAsync(call.Token);
            _buffer.ClearAndTrim();
        }
        catch (Exception e) when (e is not RpcException)
        {
            ThrowIfEnded();
            throw call.ToWriteFailure(e);
        }
    }
}
