using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.DependencyInjection;
using MiniMilvus.Rpc.Wire;

namespace Grpc.AspNetCore.Server;

/// <summary>Settings of all services of this host. Sizes in bytes, null for no limit.</summary>
public class GrpcServiceOptions
{
    public int? MaxReceiveMessageSize { get; set; } = MessageFrame.DefaultMessageBytesMax;

    public int? MaxSendMessageSize { get; set; } = MessageFrame.DefaultMessageBytesMax;

    /// <summary>Adds the exception's type and message to the status of a handler that failed. Off outside tests.</summary>
    public bool? EnableDetailedErrors { get; set; }

    public InterceptorCollection Interceptors { get; } = [];
}

/// <summary>The interceptors of a host, the outermost first.</summary>
public class InterceptorCollection : Collection<InterceptorRegistration>
{
    public void Add<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TInterceptor>(params object[] args)
        where TInterceptor : Interceptor
        => Add(new InterceptorRegistration(typeof(TInterceptor), args));
}

/// <summary>One interceptor type with the constructor arguments that the service provider does not know.</summary>
public class InterceptorRegistration
{
    private readonly object[] _args;

    internal InterceptorRegistration(Type type, object[] args)
    {
        Type = type;
        _args = args;
    }

    public Type Type { get; }

    public IReadOnlyList<object> Arguments => _args;

    internal Interceptor Resolve(IServiceProvider services)
        => (Interceptor)((_args.Length == 0 ? services.GetService(Type) : null) ?? ActivatorUtilities.CreateInstance(services, Type, _args));
}

/// <summary>What AddGrpc returns, for further registrations.</summary>
public interface IGrpcServerBuilder
{
    IServiceCollection Services { get; }
}
