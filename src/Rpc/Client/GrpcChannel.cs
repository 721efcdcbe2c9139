using System.Collections.Concurrent;
using System.Net;
using Grpc.Core;
using MiniMilvus.Rpc.Client;
using MiniMilvus.Rpc.Wire;

namespace Grpc.Net.Client;

/// <summary>Settings of a channel. Sizes in bytes, null for no limit; a handler that is passed in stays its owner's.</summary>
public sealed class GrpcChannelOptions
{
    public HttpMessageHandler? HttpHandler { get; set; }

    public int? MaxReceiveMessageSize { get; set; } = MessageFrame.DefaultMessageBytesMax;

    public int? MaxSendMessageSize { get; set; } = MessageFrame.DefaultMessageBytesMax;

    internal TimeProvider Clock { get; set; } = TimeProvider.System;
}

/// <summary>Connections to one server over HTTP/2, opened on first use and shared by all calls. Disposing it cancels running calls.</summary>
public sealed class GrpcChannel : ChannelBase, IDisposable
{
    private readonly HttpMessageInvoker _invoker;
    private readonly ConcurrentDictionary<string, Uri> _uris = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<IDisposable, byte> _streams = new();
    private readonly Uri _address;
    private volatile bool _disposed;

    private GrpcChannel(Uri address, GrpcChannelOptions options)
        : base(address.Authority)
    {
        _address = address;
        Clock = options.Clock;
        ReceiveBytesMax = options.MaxReceiveMessageSize ?? int.MaxValue;
        SendBytesMax = options.MaxSendMessageSize ?? int.MaxValue;
        _invoker = new HttpMessageInvoker(options.HttpHandler ?? CreateHandler(), disposeHandler: options.HttpHandler is null);
    }

    internal TimeProvider Clock { get; }

    internal int ReceiveBytesMax { get; }

    internal int SendBytesMax { get; }

    public static GrpcChannel ForAddress(string address) => ForAddress(new Uri(address));

    public static GrpcChannel ForAddress(string address, GrpcChannelOptions channelOptions) => ForAddress(new Uri(address), channelOptions);

    public static GrpcChannel ForAddress(Uri address) => ForAddress(address, new GrpcChannelOptions());

    public static GrpcChannel ForAddress(Uri address, GrpcChannelOptions channelOptions)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(channelOptions);
        if (address.Scheme is not ("http" or "https"))
        {
            throw new ArgumentException($"Address '{address}' needs the scheme http or https.", nameof(address));
        }

        return new GrpcChannel(address, channelOptions);
    }

    public override CallInvoker CreateCallInvoker()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new ChannelCallInvoker(this);
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        foreach (IDisposable call in _streams.Keys)
        {
            call.Dispose();
        }

        _invoker.Dispose();
    }

    protected override Task ShutdownAsyncCore()
    {
        Dispose();
        return Task.CompletedTask;
    }

    internal Uri UriOf(IMethod method) => _uris.TryGetValue(method.FullName, out Uri? uri) ? uri : _uris.GetOrAdd(method.FullName, new Uri(_address, method.FullName));

    internal Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _invoker.SendAsync(request, ct);
    }

    internal void Track(IDisposable call)
    {
        _streams.TryAdd(call, 0);
        if (_disposed)
        {
            call.Dispose();
        }
    }

    internal void Untrack(IDisposable call) => _streams.TryRemove(call, out _);

    private static SocketsHttpHandler CreateHandler() => new()
    {
        EnableMultipleHttp2Connections = true,
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
        InitialHttp2StreamWindowSize = 1024 * 1024,
        // A peer that vanished without a word is noticed while calls are running, so that no call waits for ever.
        KeepAlivePingDelay = TimeSpan.FromSeconds(60),
        KeepAlivePingTimeout = TimeSpan.FromSeconds(20),
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
    };
}
