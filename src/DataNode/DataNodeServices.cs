using Microsoft.Extensions.DependencyInjection;

namespace MiniMilvus.DataNode;

/// <summary>
/// Wiring. The host supplies ILogReader, ICoordinator, CatalogView (which it runs), IObjectStore, IComputePool, ISealRequester, TimeProvider,
/// IStationSink and ILoggerFactory.
/// </summary>
public static class DataNodeServices
{
    public static IServiceCollection AddDataNode(this IServiceCollection services, DataNodeOptions options) =>
        services.AddSingleton(options).AddSingleton<DataNodeRole>();
}
