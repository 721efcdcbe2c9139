using System.Net;
using Grpc.Core;
using Grpc.Net.Client;
using MiniMilvus.Rpc.Wire;

namespace MiniMilvus.Rpc.Client;

/// <summary>One call from its first byte to its status. It ends exactly once: by the server's status, by a failure, by the deadline or by the caller.</summary>
internal sealed class ClientCall<TRequest, TResponse>(GrpcChannel channel, Method<TRequest, TResponse> method, string? host, CallOptions options) : ICallState
    where TRequest : class
    where TResponse : class
{
    private static readonly TimeSpan TimerMax = TimeSpan.FromDays(24);

    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _cancel = new();
    private CancellationTokenRegistration _callerToken;
    private ITimer? _deadlineTimer;
    private HttpResponseMessage? _response;
    private ResponseReader? _reader;
    private TaskCompletionSource<Metadata>? _headers;
    private RequestStreamWriter<TRequest, TResponse>? _writer;
    private RpcException? _failure;
    private Status? _status;
    private Metadata? _trailers;
    private volatile bool _deadlinePassed;
    private volatile bool _cancelled;

    internal int SendBytesMax => channel.SendBytesMax;

    internal CancellationToken Token => _cancel.Token;

    internal WriteOptions? WriteOptions => options.WriteOptions;

    internal RpcException? Failure
    {
        get
        {
            lock (_gate)
            {
                return _failure;
            }
        }
    }

    internal bool HasEnded
    {
        get
        {
            lock (_gate)
            {
                return _status is not null;
            }
        }
    }

    public Task<Metadata> ResponseHeadersAsync
    {
        get
        {
            lock (_gate)
            {
                if (_headers is null)
                {
                    _headers = new TaskCompletionSource<Metadata>(TaskCreationOptions.RunContinuationsAsynchronously);
                    if (_response is not null)
                    {
                        _headers.TrySetResult(MetadataCodec.Read(_response.Headers));
                    }
                    else if (_failure is not null)
                    {
                        _headers.TrySetException(_failure);
                        _ = _headers.Task.Exception;
                    }
                }

                return _headers.Task;
            }
        }
    }

    public Status GetStatus()
    {
        lock (_gate)
        {
            return _status ?? throw new InvalidOperationException("Unable to get the status because the call is not complete.");
        }
    }

    public Metadata GetTrailers()
    {
        lock (_gate)
        {
            return _status is null
                ? throw new InvalidOperationException("Can't get the call trailers because the call has not completed successfully.")
                : _trailers ??= Metadata.Empty;
        }
    }

    public void Dispose() => Cancel();

    internal async Task<TResponse> RunUnaryAsync(TRequest request)
    {
        try
        {
            Begin();
            MessageContent content = Serialize(request);
            await SendAsync(content);
            content.Release();
            return await ReadSingleAsync();
        }
        catch (Exception e)
        {
            throw Fail(e);
        }
        finally
        {
            _reader?.Dispose();
        }
    }

    internal async Task<TResponse> RunClientStreamingAsync(RequestStreamWriter<TRequest, TResponse> writer)
    {
        _writer = writer;
        try
        {
            Begin();
            await SendAsync(writer);
            return await ReadSingleAsync();
        }
        catch (Exception e)
        {
            throw Fail(e);
        }
        finally
        {
            _reader?.Dispose();
        }
    }

    internal ResponseStreamReader<TRequest, TResponse> StartServerStreaming(TRequest request) => new(this, RunServerStreamingAsync(request));

    internal ResponseStreamReader<TRequest, TResponse> StartDuplex(RequestStreamWriter<TRequest, TResponse> writer)
    {
        _writer = writer;
        return new ResponseStreamReader<TRequest, TResponse>(this, OpenAsync(writer));
    }

    /// <summary>The next response, or null at the end of an OK stream.</summary>
    internal async ValueTask<TResponse?> ReadNextAsync()
    {
        try
        {
            if (Failure is { } failure)
            {
                throw failure;
            }

            if (HasEnded)
            {
                return null;
            }

            if (await _reader!.ReadAsync(Token))
            {
                return _reader.Take(method.ResponseMarshaller.ContextualDeserializer);
            }

            Finish();
            _reader.Dispose();
            return null;
        }
        catch (Exception e)
        {
            _reader?.Dispose();
            throw Fail(e);
        }
    }

    /// <summary>Ends the call for its caller, whether or not anybody is reading or writing, and resets it on the wire.</summary>
    internal void Cancel()
    {
        if (!HasEnded)
        {
            _cancelled = true;
            _cancel.Cancel();
            Fail(new OperationCanceledException());
        }
    }

    /// <summary>Ends the call with a failure unless it has ended; gives the exception that the caller sees.</summary>
    internal RpcException Fail(Exception e)
    {
        RpcException failure = ToRpcException(e);
        lock (_gate)
        {
            if (_failure is not null)
            {
                return _failure;
            }

            if (_status is { } ended)
            {
                return new RpcException(ended);
            }

            _failure = failure;
        }

        End(failure.Status, failure.Trailers);
        return failure;
    }

    /// <summary>What a failed write tells. It does not end the call: the server's own status may be on its way to the reader.</summary>
    internal RpcException ToWriteFailure(Exception e) => Failure ?? ToRpcException(e);

    private async Task RunServerStreamingAsync(TRequest request)
    {
        try
        {
            MessageContent content = Serialize(request);
            await OpenAsync(content);
            if (Failure is null)
            {
                content.Release();
            }
        }
        catch (Exception e)
        {
            // Recorded: every reader of the stream throws it.
            Fail(e);
        }
    }

    /// <summary>Sends and waits for the response headers. Never throws; a failure is recorded and thrown by every later use.</summary>
    private async Task OpenAsync(HttpContent content)
    {
        try
        {
            Begin();
            await SendAsync(content);
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    private void Begin()
    {
        channel.Track(this);
        if (options.CancellationToken.CanBeCanceled)
        {
            options.CancellationToken.ThrowIfCancellationRequested();
            _callerToken = options.CancellationToken.UnsafeRegister(static call => ((ClientCall<TRequest, TResponse>)call!).Cancel(), this);
        }
    }

    private MessageContent Serialize(TRequest request)
    {
        var frame = new BufferedSerializationContext(channel.SendBytesMax);
        try
        {
            frame.Append(request, method.RequestMarshaller.ContextualSerializer);
            return new MessageContent(frame);
        }
        catch
        {
            frame.Dispose();
            throw;
        }
    }

    private async Task SendAsync(HttpContent content)
    {
        content.Headers.TryAddWithoutValidation("content-type", GrpcHeaders.ContentType);
        var request = new HttpRequestMessage(HttpMethod.Post, channel.UriOf(method))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        request.Headers.TryAddWithoutValidation("te", "trailers");
        request.Headers.TryAddWithoutValidation(GrpcHeaders.AcceptEncoding, GrpcHeaders.AcceptedEncodings);
        request.Headers.Host = host;
        if (options.Headers is { Count: > 0 } headers)
        {
            MetadataCodec.Write(headers, request.Headers);
        }

        StartDeadline(request);
        HttpResponseMessage response = await channel.SendAsync(request, _cancel.Token);
        Accept(response);
    }

    private void StartDeadline(HttpRequestMessage request)
    {
        if (options.Deadline is not { } deadline || deadline == DateTime.MaxValue)
        {
            return;
        }

        if (deadline.Kind != DateTimeKind.Utc)
        {
            throw new InvalidOperationException("Deadline must have a kind DateTimeKind.Utc or be equal to DateTime.MaxValue or DateTime.MinValue.");
        }

        TimeSpan left = deadline - channel.Clock.GetUtcNow().UtcDateTime;
        if (left <= TimeSpan.Zero)
        {
            _deadlinePassed = true;
            throw new OperationCanceledException();
        }

        request.Headers.TryAddWithoutValidation(GrpcHeaders.Timeout, GrpcHeaders.FormatTimeout(left));
        if (left < TimerMax)
        {
            _deadlineTimer = channel.Clock.CreateTimer(static call => ((ClientCall<TRequest, TResponse>)call!).OnDeadline(), this, left, Timeout.InfiniteTimeSpan);
        }
    }

    private void OnDeadline()
    {
        _deadlinePassed = true;
        _cancel.Cancel();

        // Nobody may be reading or writing: the status is known all the same.
        Fail(new OperationCanceledException());
    }

    private void Accept(HttpResponseMessage response)
    {
        if (ResponseStatus.OfHttp(response) is { } refused)
        {
            response.Dispose();
            throw new RpcException(refused);
        }

        response.Headers.NonValidated.TryGetValues(GrpcHeaders.Encoding, out System.Net.Http.Headers.HeaderStringValues encodings);
        string? encoding = encodings.Count > 0 ? encodings.ToString() : null;
        if (encoding is not (null or GrpcHeaders.Identity or GrpcHeaders.Gzip))
        {
            response.Dispose();
            throw new RpcException(new Status(StatusCode.Unimplemented, $"The response uses grpc-encoding '{encoding}', which is not supported."));
        }

        var reader = new ResponseReader(response.Content.ReadAsStream(), new MessageDecoder(encoding, channel.ReceiveBytesMax));
        lock (_gate)
        {
            if (_status is null)
            {
                _response = response;
                _reader = reader;
                _headers?.TrySetResult(MetadataCodec.Read(response.Headers));
                return;
            }
        }

        // The call was disposed meanwhile.
        reader.Dispose();
        response.Dispose();
        throw new OperationCanceledException();
    }

    private async ValueTask<TResponse> ReadSingleAsync()
    {
        TResponse? message = null;
        while (await _reader!.ReadAsync(Token))
        {
            message = message is null
                ? _reader.Take(method.ResponseMarshaller.ContextualDeserializer)
                : throw new RpcException(new Status(StatusCode.Internal, "The response holds more than one message."));
        }

        Status status = ResponseStatus.OfTrailers(_response!, out Metadata trailers);
        if (status.StatusCode == StatusCode.OK && message is null)
        {
            throw new RpcException(new Status(StatusCode.Internal, "The response holds no message."), trailers);
        }

        Finish(status, trailers);
        return message!;
    }

    private void Finish()
    {
        Status status = ResponseStatus.OfTrailers(_response!, out Metadata trailers);
        Finish(status, trailers);
    }

    private void Finish(Status status, Metadata trailers)
    {
        if (status.StatusCode != StatusCode.OK)
        {
            throw new RpcException(status, trailers);
        }

        End(status, trailers);
    }

    private void End(Status status, Metadata trailers)
    {
        lock (_gate)
        {
            if (_status is not null)
            {
                return;
            }

            _status = status;
            _trailers = trailers;
            if (_failure is not null && _headers is not null && _headers.TrySetException(_failure))
            {
                // Those who asked for headers may never look; the failure is thrown elsewhere too.
                _ = _headers.Task.Exception;
            }
        }

        _callerToken.Unregister();
        _deadlineTimer?.Dispose();
        channel.Untrack(this);
        _writer?.OnCallEnded(status);
        _response?.Dispose();
        if (_failure is not null)
        {
            _cancel.Cancel();
        }
    }

    private RpcException ToRpcException(Exception e)
    {
        if (e is RpcException known)
        {
            return known;
        }

        if (_deadlinePassed)
        {
            return new RpcException(new Status(StatusCode.DeadlineExceeded, "Deadline Exceeded", e));
        }

        if (_cancelled || options.CancellationToken.IsCancellationRequested)
        {
            return new RpcException(new Status(StatusCode.Cancelled, "Call canceled by the client.", e));
        }

        Status status = ResponseStatus.OfTransportFailure(e);
        bool late = status.StatusCode == StatusCode.Cancelled && options.Deadline is { } deadline && deadline <= channel.Clock.GetUtcNow().UtcDateTime;
        return new RpcException(late ? new Status(StatusCode.DeadlineExceeded, "Deadline Exceeded", e) : status);
    }
}
