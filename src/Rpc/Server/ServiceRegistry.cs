using Microsoft.Extensions.DependencyInjection;

namespace MiniMilvus.Rpc.Server;

/// <summary>Knows how services were registered, so that a singleton is resolved once and not per call; and whether the endpoints for unknown names exist.</summary>
internal sealed class ServiceRegistry(IServiceCollection services)
{
    private readonly HashSet<Microsoft.AspNetCore.Routing.IEndpointRouteBuilder> _withFallback = [];

    internal bool IsSingleton(Type type)
        => services.LastOrDefault(d => d.ServiceType == type && !d.IsKeyedService)?.Lifetime == ServiceLifetime.Singleton;

    internal bool ClaimFallback(Microsoft.AspNetCore.Routing.IEndpointRouteBuilder endpoints)
    {
        lock (_withFallback)
        {
            return _withFallback.Add(endpoints);
        }
    }
}
