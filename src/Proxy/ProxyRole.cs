using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Proxy.Grpc;
using MiniMilvus.Proxy.Reading;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.Proxy;

/// <summary>What the proxy works with. The catalogue view must be kept running by its owner.</summary>
public sealed record ProxyDependencies(
    ICoordinator Coordinator,
    CatalogView Catalog,
    IStreamingClient Streaming,
    IQueryRouter QueryNodes,
    TimeProvider Time,
    IStationSink Stations,
    ILoggerFactory Loggers,
    ProxyOptions Options);

/// <summary>
/// The proxy: speaks Milvus's protocol, checks and routes rows, plans and reduces searches. It holds no state but its view of the catalogue,
/// so any number of them may run. The host maps <see cref="Service"/> on its gRPC port.
/// </summary>
public sealed class ProxyRole : IDisposable
{
    private readonly ProxyMetrics _metrics = new();
    private readonly ProxyOptions _options;
    private readonly ILogger _logger;

    public ProxyRole(ProxyDependencies dependencies)
    {
        _options = dependencies.Options;
        _logger = dependencies.Loggers.CreateLogger<ProxyRole>();
        Service = new MilvusGrpcService(ProxyServices.Compose(dependencies, _metrics));
    }

    /// <summary>The Milvus API; one instance serves every call.</summary>
    public MilvusGrpcService Service { get; }

    /// <summary>The proxy works only when it is called; this ends when cancelled.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        Log.Started(_logger, _options.Version);
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (ct.Register(() => stopped.TrySetResult()))
        {
            await stopped.Task;
        }

        Log.Stopped(_logger);
    }

    public void Dispose() => _metrics.Dispose();
}
