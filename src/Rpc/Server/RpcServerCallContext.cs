using System.Net.Sockets;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using MiniMilvus.Rpc.Wire;

namespace MiniMilvus.Rpc.Server;

/// <summary>One call on the server. It ends once, by its handler or by its deadline; a gate keeps the two, and a write in progress, apart.</summary>
internal sealed class RpcServerCallContext : ServerCallContext
{
    private const int ResetInternalError = 2;
    private const int ResetCancel = 8;
    private static readonly TimeSpan TimerMax = TimeSpan.FromDays(24);
    private static readonly AuthContext Unauthenticated = new(null, []);

    private readonly Lock _gate = new();
    private readonly string _method;
    private readonly ServerHost _host;
    private MessageReader? _requests;
    private Metadata? _requestHeaders;
    private Metadata? _trailers;
    private Metadata? _failureTrailers;
    private CancellationTokenSource? _cancel;
    private CancellationTokenRegistration _aborted;
    private ITimer? _deadlineTimer;
    private Task? _deadlineEnd;
    private TaskCompletionSource? _deadlineCallback;
    private DateTime _deadline = DateTime.MaxValue;
    private bool _headersSent;
    private bool _writing;
    private bool _ended;
    private volatile bool _deadlinePassed;

    internal RpcServerCallContext(HttpContext http, string method, ServerHost host)
    {
        Http = http;
        _method = method;
        _host = host;
        Responses = new MessageWriter(this, http.Response, host.SendBytesMax);
    }

    internal HttpContext Http { get; }

    internal MessageWriter Responses { get; }

    internal bool HasFailed => StatusCore.StatusCode != StatusCode.OK;

    protected override string MethodCore => _method;

    protected override string HostCore => Http.Request.Host.Value ?? "";

    protected override string PeerCore
    {
        get
        {
            System.Net.IPAddress? address = Http.Connection.RemoteIpAddress;
            return address is null ? "unknown"
                : address.AddressFamily == AddressFamily.InterNetworkV6 ? $"ipv6:[{address}]:{Http.Connection.RemotePort}"
                : $"ipv4:{address}:{Http.Connection.RemotePort}";
        }
    }

    protected override DateTime DeadlineCore => _deadline;

    protected override Metadata RequestHeadersCore => _requestHeaders ??= MetadataCodec.Read(Http.Request.Headers);

    protected override CancellationToken CancellationTokenCore => _cancel?.Token ?? Http.RequestAborted;

    protected override Metadata ResponseTrailersCore => _trailers ??= [];

    protected override Status StatusCore { get; set; }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore => Unauthenticated;

    protected override IDictionary<object, object> UserStateCore
    {
        get
        {
            IDictionary<object, object> state = base.UserStateCore;
            state.TryAdd(ServerCallContextExtensions.HttpContextKey, Http);
            return state;
        }
    }

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options)
        => throw new NotSupportedException("Context propagation is not carried; pass the deadline and the token of the context on.");

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders)
    {
        ArgumentNullException.ThrowIfNull(responseHeaders);
        if (_headersSent || Http.Response.HasStarted)
        {
            throw new InvalidOperationException("Response headers can only be sent once per call.");
        }

        _headersSent = true;
        MetadataCodec.Write(responseHeaders, Http.Response.Headers);
        return Responses.WriteHeadersAsync();
    }

    /// <summary>Reads what the client announced. Throws the status of a call that cannot be served.</summary>
    internal MessageReader Start()
    {
        IHeaderDictionary headers = Http.Request.Headers;
        Http.Response.ContentType = GrpcHeaders.ContentType;
        string? encoding = headers.TryGetValue(GrpcHeaders.Encoding, out Microsoft.Extensions.Primitives.StringValues encodings) ? encodings.ToString() : null;
        if (encoding is not (null or "" or GrpcHeaders.Identity or GrpcHeaders.Gzip))
        {
            Http.Response.Headers[GrpcHeaders.AcceptEncoding] = GrpcHeaders.AcceptedEncodings;
            throw new RpcException(new Status(StatusCode.Unimplemented, $"Unsupported grpc-encoding value '{encoding}'. Supported encodings: {GrpcHeaders.Identity}, {GrpcHeaders.Gzip}"));
        }

        // Messages are bounded one by one; a stream of them is not.
        if (Http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false, MaxRequestBodySize: not null } size)
        {
            size.MaxRequestBodySize = null;
        }

        _requests = new MessageReader(Http.Request.BodyReader, new MessageDecoder(encoding, _host.ReceiveBytesMax), this);
        if (headers.TryGetValue(GrpcHeaders.Timeout, out Microsoft.Extensions.Primitives.StringValues timeouts))
        {
            StartDeadline(timeouts.ToString());
        }

        return _requests;
    }

    internal void BeginWrite()
    {
        lock (_gate)
        {
            if (_ended)
            {
                throw new InvalidOperationException("Can't write the message because the request is complete.");
            }

            if (_writing)
            {
                throw new InvalidOperationException("Can't write the message because the previous write is in progress.");
            }

            _writing = true;
        }
    }

    /// <summary>Where the deadline passed during the write, the call ends here: by a reset if the client does not read, else in order.</summary>
    internal void EndWrite(bool blocked)
    {
        lock (_gate)
        {
            _writing = false;
            if (!_deadlinePassed || _ended)
            {
                return;
            }

            _ended = true;
            _deadlineEnd = EndAtDeadlineAsync(reset: blocked);
        }
    }

    /// <summary>The status that an exception of the handler stands for.</summary>
    internal Status StatusOf(Exception e)
    {
        if (_deadlinePassed)
        {
            return new Status(StatusCode.DeadlineExceeded, "Deadline Exceeded");
        }

        if (e is RpcException known)
        {
            Log.EndedWith(_host.Log, _method, known.StatusCode, known.Status.Detail);
            _failureTrailers = known.Trailers;
            return known.Status;
        }

        // A stream that the client reset is seen by its reader before the token knows.
        if (e is OperationCanceledException { InnerException: IOException } || (e is OperationCanceledException or IOException && CancellationTokenCore.IsCancellationRequested))
        {
            return new Status(StatusCode.Cancelled, "Call canceled by the client.");
        }

        Log.HandlerFailed(_host.Log, _method, e);
        return new Status(StatusCode.Unknown, _host.DetailedErrors ? $"Exception was thrown by handler. {e.GetType().Name}: {e.Message}" : "Exception was thrown by handler.");
    }

    /// <summary>Writes the status, unless the deadline was first.</summary>
    internal void End(Status status)
    {
        lock (_gate)
        {
            if (_ended)
            {
                return;
            }

            _ended = true;
        }

        if (Responses.IsTorn)
        {
            Reset(ResetInternalError);
        }
        else
        {
            WriteStatus(_deadlinePassed ? new Status(StatusCode.DeadlineExceeded, "Deadline Exceeded") : status);
        }
    }

    /// <summary>After End. A deadline that got in first must have let go of the request before Kestrel uses it again.</summary>
    internal ValueTask ReleaseAsync()
    {
        _deadlineTimer?.Dispose();
        _aborted.Unregister();
        return _deadlineCallback is null ? ValueTask.CompletedTask : new ValueTask(Task.WhenAll(_deadlineCallback.Task, _deadlineEnd ?? Task.CompletedTask));
    }

    private void StartDeadline(string text)
    {
        if (!GrpcHeaders.TryParseTimeout(text, out TimeSpan timeout))
        {
            Log.TimeoutIgnored(_host.Log, _method, text);
            return;
        }

        DateTime now = _host.Clock.GetUtcNow().UtcDateTime;
        _deadline = timeout < DateTime.MaxValue - now ? now + timeout : DateTime.MaxValue;
        if (timeout < TimerMax)
        {
            _cancel = new CancellationTokenSource();
            _aborted = Http.RequestAborted.UnsafeRegister(static c => ((CancellationTokenSource)c!).Cancel(), _cancel);
            _deadlineTimer = _host.Clock.CreateTimer(static c => ((RpcServerCallContext)c!).OnDeadline(), this, timeout, Timeout.InfiniteTimeSpan);
        }
    }

    private void OnDeadline()
    {
        lock (_gate)
        {
            if (_ended)
            {
                return;
            }

            _deadlinePassed = true;
            _deadlineCallback = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (!_writing)
            {
                _ended = true;
                _deadlineEnd = EndAtDeadlineAsync(reset: false);
            }
        }

        try
        {
            _cancel!.Cancel();
            _requests!.Wake();
        }
        catch (Exception e)
        {
            Log.DeadlineFailed(_host.Log, _method, e);
        }
        finally
        {
            _deadlineCallback.SetResult();
        }
    }

    /// <summary>The client gets its answer now; the handler, which may not look at its token, is still waited for before the request is given back.</summary>
    private async Task EndAtDeadlineAsync(bool reset)
    {
        try
        {
            if (reset || Responses.IsTorn)
            {
                Reset(ResetCancel);
                return;
            }

            WriteStatus(new Status(StatusCode.DeadlineExceeded, "Deadline Exceeded"));
            await Http.Response.CompleteAsync();
        }
        catch (Exception e)
        {
            Log.DeadlineFailed(_host.Log, _method, e);
        }
    }

    private void Reset(int code)
    {
        if (Http.Features.Get<IHttpResetFeature>() is { } feature)
        {
            feature.Reset(code);
        }
        else
        {
            Http.Abort();
        }
    }

    private void WriteStatus(Status status)
    {
        // Before the first byte of the body the status goes into the headers: a response of trailers only.
        IHeaderDictionary target = Http.Response.HasStarted
            ? Http.Features.Get<IHttpResponseTrailersFeature>()?.Trailers ?? throw new InvalidOperationException("The server does not support trailers.")
            : Http.Response.Headers;
        if (_trailers is not null)
        {
            MetadataCodec.Write(_trailers, target);
        }

        if (_failureTrailers is { Count: > 0 })
        {
            MetadataCodec.Write(_failureTrailers, target);
        }

        target[GrpcHeaders.Status] = GrpcHeaders.StatusText(status.StatusCode);
        if (!string.IsNullOrEmpty(status.Detail))
        {
            target[GrpcHeaders.Message] = GrpcHeaders.EncodeMessage(status.Detail);
        }
    }
}
