using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using Google.Protobuf;
using Grpc.AspNetCore.Server;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using MiniMilvus.Rpc.Tests.Contract;

namespace MiniMilvus.Rpc.Tests;

/// <summary>A real server on a loopback port with a channel to it. Every wait in a test goes through <see cref="Within"/>, so that a hang fails.</summary>
internal sealed class RpcHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false });

    private RpcHost(WebApplication app, ProbeService service, RecordingLogs logs)
    {
        _app = app;
        Service = service;
        Logs = logs;
        Address = app.Urls.Single();
        Channel = GrpcChannel.ForAddress(Address);
        Client = new Probe.ProbeClient(Channel);
    }

    public ProbeService Service { get; }

    public RecordingLogs Logs { get; }

    public string Address { get; }

    public GrpcChannel Channel { get; }

    public Probe.ProbeClient Client { get; }

    public static async Task<RpcHost> StartAsync(Action<ProbeService>? arrange = null, Action<GrpcServiceOptions>? options = null, Action<IServiceCollection>? services = null, HttpProtocols protocols = HttpProtocols.Http2, Func<PipeReader, PipeReader>? body = null)
    {
        var service = new ProbeService();
        arrange?.Invoke(service);
        var logs = new RecordingLogs();
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(logs);
        builder.Services.AddGrpc(options ?? (_ => { }));
        builder.Services.AddSingleton(service);
        services?.Invoke(builder.Services);
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l => l.Protocols = protocols));
        WebApplication app = builder.Build();
        if (body is not null)
        {
            app.Use((http, next) =>
            {
                http.Features.Set<IRequestBodyPipeFeature>(new Body(body(http.Request.BodyReader)));
                return next(http);
            });
        }

        app.MapGrpcService<ProbeService>();
        app.MapGet("/", () => "not gRPC");
        await app.StartAsync();
        return new RpcHost(app, service, logs);
    }

    public static async Task<T> Within<T>(Task<T> task) => await task.WaitAsync(TimeSpan.FromSeconds(20));

    public static async Task Within(Task task) => await task.WaitAsync(TimeSpan.FromSeconds(20));

    public Task StopAsync() => _app.StopAsync(new CancellationToken(canceled: true));

    /// <summary>A request by hand, as a foreign client might send it.</summary>
    public async Task<RawResponse> PostAsync(string path, byte[] body, string contentType = "application/grpc", Version? version = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Address + path)
        {
            Version = version ?? HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body),
        };
        request.Content.Headers.TryAddWithoutValidation("content-type", contentType);
        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using HttpResponseMessage response = await Within(_http.SendAsync(request, CancellationToken.None));
        byte[] content = await Within(response.Content.ReadAsByteArrayAsync());
        string? Find(string name) => response.TrailingHeaders.TryGetValues(name, out IEnumerable<string>? t) ? t.Single()
            : response.Headers.TryGetValues(name, out IEnumerable<string>? h) ? h.Single() : null;
        return new RawResponse(response.StatusCode, Find("grpc-status"), Find("grpc-message"), Find("grpc-accept-encoding"), response.TrailingHeaders.Any(), content);
    }

    public static byte[] Frame(Note note) => Frame(note.ToByteArray(), compressed: false);

    public static byte[] Frame(byte[] payload, bool compressed)
    {
        var frame = new byte[5 + payload.Length];
        frame[0] = compressed ? (byte)1 : (byte)0;
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), payload.Length);
        payload.CopyTo(frame, 5);
        return frame;
    }

    private sealed record Body(PipeReader Reader) : IRequestBodyPipeFeature;

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        _http.Dispose();
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }
}

internal sealed record RawResponse(HttpStatusCode Http, string? GrpcStatus, string? GrpcMessage, string? AcceptEncoding, bool HasTrailers, byte[] Body);

internal sealed class RecordingLogs : ILoggerProvider
{
    public ConcurrentQueue<(LogLevel Level, string Message, Exception? Error)> Entries { get; } = new();

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void Dispose()
    {
    }

    private sealed class Logger(RecordingLogs logs, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => category.StartsWith("MiniMilvus", StringComparison.Ordinal);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                logs.Entries.Enqueue((logLevel, formatter(state, exception), exception));
            }
        }
    }
}
