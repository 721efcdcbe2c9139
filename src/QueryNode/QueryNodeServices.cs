using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.QueryNode;

/// <summary>Wires the role: what it needs must be registered by the host.</summary>
public static class QueryNodeServices
{
    /// <summary>Key of the pool that builds graphs beside the one that searches.</summary>
    public const string BuildingPool = "building";

    public static IServiceCollection AddQueryNode(this IServiceCollection services, QueryNodeOptions options) => services
        .AddSingleton(p => new QueryNodeRole(
            p.GetRequiredService<ILogReader>(),
            p.GetRequiredService<CatalogView>(),
            p.GetRequiredService<IObjectStore>(),
            p.GetRequiredService<ICoordinator>(),
            p.GetRequiredService<IComputePool>(),
            p.GetRequiredKeyedService<IComputePool>(BuildingPool),
            p.GetRequiredService<TimeProvider>(),
            p.GetRequiredService<IStationSink>(),
            p.GetRequiredService<ILoggerFactory>(),
            options))
        .AddSingleton<IQueryNode>(p => p.GetRequiredService<QueryNodeRole>());
}
