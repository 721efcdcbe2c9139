using System.Net;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Host.Http;
using MiniMilvus.Host.Remote;
using MiniMilvus.Host.Wiring;
using MiniMilvus.Proxy.Grpc;

namespace MiniMilvus.Host;

/// <summary>A running MiniMilvus: some or all roles in this process, on one data folder. Dispose it to stop them in order.</summary>
public sealed class MiniMilvusServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly RoleHost _roles;
    private readonly PrometheusText _metrics;
    private readonly ILogger _logger;

    private MiniMilvusServer(WebApplication app, RoleHost roles, PrometheusText metrics, ILogger logger)
    {
        (_app, _roles, _metrics, _logger) = (app, roles, metrics, logger);
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Select(a => new Uri(a).Authority).ToArray();
        (GrpcAddress, HttpAddress) = (addresses[0], addresses[1]);
    }

    /// <summary>HOST:PORT of the Milvus gRPC API.</summary>
    public string GrpcAddress { get; }

    /// <summary>HOST:PORT of health and metrics.</summary>
    public string HttpAddress { get; }

    /// <summary>Completes with the first failure of a role; whoever started the server stops it then.</summary>
    public Task<Exception> Failed => _roles.Failed;

    /// <summary>Starts the roles and returns when they serve. Errors: Conflict when another process owns the data folder or a port, Invalid for bad settings.</summary>
    public static async Task<MiniMilvusServer> StartAsync(HostOptions options, CancellationToken ct)
    {
        // Empty: the other builders watch the whole working folder for an appsettings.json of theirs.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.Services.AddRoutingCore();
        builder.Logging.ClearProviders().SetMinimumLevel(options.LogLevel).AddFilter("Microsoft", LogLevel.Warning);
        if (options.LogToConsole)
        {
            builder.Logging.AddSimpleConsole(c =>
            {
                c.SingleLine = true;
                c.UseUtcTimestamp = true;
                c.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            });
            builder.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(c => c.LogToStandardErrorThreshold = LogLevel.Trace);
        }

        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            var address = IPAddress.Parse(options.Listen);
            kestrel.Listen(address, options.GrpcPort, l => l.Protocols = HttpProtocols.Http2);
            kestrel.Listen(address, options.HttpPort, l => l.Protocols = HttpProtocols.Http1);
        });
        var roles = new RoleHost(options);
        builder.Services.AddGrpc(g => (g.MaxReceiveMessageSize, g.MaxSendMessageSize) = (HostLimits.MessageBytesMax, HostLimits.MessageBytesMax));
        roles.AddServices(builder.Services);
        var metrics = new PrometheusText();
        var app = builder.Build();
        try
        {
            roles.MapServices(app);
            MapHttp(app, roles, metrics);
            await roles.OpenAsync(app.Services.GetRequiredService<ILoggerFactory>(), ct);
            await StartListeningAsync(app, ct);
            var logger = app.Services.GetRequiredService<ILogger<MiniMilvusServer>>();
            var server = new MiniMilvusServer(app, roles, metrics, logger);
            await roles.StartAsync(server.GrpcAddress, ct);
            Log.Listening(logger, server.GrpcAddress, server.HttpAddress, options.DataPlace, options.Roles);
            return server;
        }
        catch
        {
            await roles.DisposeAsync();
            await app.DisposeAsync();
            metrics.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using (var drain = new CancellationTokenSource(HostLimits.DrainTime, TimeProvider.System))
        {
            await _roles.StopServingAsync();
            await _app.StopAsync(drain.Token);
        }

        await _roles.DisposeAsync();
        Log.Stopped(_logger);
        await _app.DisposeAsync();
        _metrics.Dispose();
    }

    private static async Task StartListeningAsync(WebApplication app, CancellationToken ct)
    {
        try
        {
            await app.StartAsync(ct);
        }
        catch (IOException e)
        {
            throw new MiniMilvusException(ErrorKind.Conflict, ErrorReason.NotReady, $"cannot listen: {e.Message}", e);
        }
    }

    private static void MapHttp(WebApplication app, RoleHost roles, PrometheusText metrics)
    {
        app.MapGet("/healthz", () => roles.Failed.IsCompleted ? Results.Text("failed", statusCode: 503) : roles.IsReady ? Results.Text("OK") : Results.Text("starting", statusCode: 503));
        app.MapGet("/livez", () => roles.Failed.IsCompleted ? Results.Text("failed", statusCode: 503) : Results.Text("OK"));
        app.MapGet("/metrics", () => Results.Text(metrics.Render(), "text/plain; version=0.0.4"));
    }
}

/// <summary>Bounds of the host itself.</summary>
internal static class HostLimits
{
    /// <summary>A gRPC message at most, both ways. Rows are bounded at 64 MB by the proxy, with a clear message; the transport leaves room around them.</summary>
    public const int MessageBytesMax = 68 << 20;

    /// <summary>How long a start waits for collections to be loaded again before it serves without them.</summary>
    public static readonly TimeSpan LoadTime = TimeSpan.FromSeconds(60);

    public static readonly TimeSpan LoadPoll = TimeSpan.FromMilliseconds(5);

    /// <summary>How long running calls may take when the server stops.</summary>
    public static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(5);
}
