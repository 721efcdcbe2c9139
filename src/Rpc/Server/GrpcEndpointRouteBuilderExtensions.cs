using System.Diagnostics.CodeAnalysis;
using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using MiniMilvus.Rpc.Server;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps a generated service to its paths.</summary>
public static class GrpcEndpointRouteBuilderExtensions
{
    private const DynamicallyAccessedMemberTypes ServiceAccessibility = DynamicallyAccessedMemberTypes.PublicConstructors | DynamicallyAccessedMemberTypes.PublicMethods | DynamicallyAccessedMemberTypes.NonPublicMethods;

    /// <summary>The service comes from the provider, or is created per call where it is not registered. Unknown methods and services answer Unimplemented.</summary>
    public static GrpcServiceEndpointConventionBuilder MapGrpcService<[DynamicallyAccessedMembers(ServiceAccessibility)] TService>(this IEndpointRouteBuilder builder)
        where TService : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        ServiceRegistry registry = builder.ServiceProvider.GetService<ServiceRegistry>()
            ?? throw new InvalidOperationException("Unable to find the required services. Please add all the required services by calling 'IServiceCollection.AddGrpc' inside the call to 'ConfigureServices(...)' in the application startup code.");
        var host = new ServerHost(
            builder.ServiceProvider.GetRequiredService<IOptions<GrpcServiceOptions>>().Value,
            builder.ServiceProvider.GetService<TimeProvider>() ?? TimeProvider.System,
            builder.ServiceProvider.GetRequiredService<ILoggerFactory>().CreateLogger("MiniMilvus.Rpc.Server"));
        var activator = new ServiceActivator<TService>(builder.ServiceProvider, registry.IsSingleton(typeof(TService)));
        var binder = new MethodBinder<TService>(host, activator);
        binder.BindAll();

        var conventions = new List<IEndpointConventionBuilder>();
        foreach (MethodHandler handler in binder.Handlers)
        {
            conventions.Add(builder.MapPost(handler.Method.FullName, handler.HandleAsync).WithDisplayName($"gRPC - {handler.Method.FullName}"));
        }

        if (registry.ClaimFallback(builder))
        {
            builder.Map(UnimplementedRpc.Pattern(), new UnimplementedRpc(host).HandleAsync).WithDisplayName("gRPC - unimplemented").Add(b => ((RouteEndpointBuilder)b).Order = int.MaxValue);
        }

        return new GrpcServiceEndpointConventionBuilder(conventions);
    }
}

/// <summary>Adds conventions, such as required hosts, to all methods of a mapped service.</summary>
public sealed class GrpcServiceEndpointConventionBuilder : IEndpointConventionBuilder
{
    private readonly List<IEndpointConventionBuilder> _methods;

    internal GrpcServiceEndpointConventionBuilder(List<IEndpointConventionBuilder> methods) => _methods = methods;

    public void Add(Action<EndpointBuilder> convention)
    {
        foreach (IEndpointConventionBuilder method in _methods)
        {
            method.Add(convention);
        }
    }
}
