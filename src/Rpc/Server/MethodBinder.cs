using System.Reflection;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.AspNetCore.Http;

namespace MiniMilvus.Rpc.Server;

/// <summary>Lets the generated code list a service's methods, and binds each to the method of that name of <typeparamref name="TService"/>, inside the interceptors.</summary>
internal sealed class MethodBinder<TService>(ServerHost host, ServiceActivator<TService> activator) : ServiceBinderBase
    where TService : class
{
    internal List<MethodHandler> Handlers { get; } = [];

    internal void BindAll()
    {
        BindServiceMethodAttribute attribute = typeof(TService).GetCustomAttribute<BindServiceMethodAttribute>(inherit: true)
            ?? throw new InvalidOperationException($"Cannot locate BindServiceMethod(ServiceBinderBase, ServiceBase) for the current service type: {typeof(TService)}.");
        Type? serviceBase = typeof(TService);
        while (serviceBase is not null && !serviceBase.IsDefined(typeof(BindServiceMethodAttribute), inherit: false))
        {
            serviceBase = serviceBase.BaseType;
        }

        MethodInfo bind = attribute.BindType.GetMethod(attribute.BindMethodName, BindingFlags.Public | BindingFlags.Static | BindingFlags.NonPublic, [typeof(ServiceBinderBase), serviceBase!])
            ?? throw new InvalidOperationException($"Cannot locate {attribute.BindMethodName}(ServiceBinderBase, {serviceBase!.Name}) on {attribute.BindType}.");
        bind.Invoke(null, [this, null]);
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
    {
        var target = Target<Func<TService, TRequest, ServerCallContext, Task<TResponse>>>(method, typeof(TRequest), typeof(ServerCallContext));
        UnaryServerMethod<TRequest, TResponse> pipeline = (request, context) =>
        {
            TService service = activator.Get(context.GetHttpContext(), out bool created);
            Task<TResponse> running = target(service, request, context);
            return created ? ServiceActivator<TService>.ThenReleaseAsync(running, service) : running;
        };
        foreach (InterceptorRegistration registration in host.Interceptors.Reverse())
        {
            UnaryServerMethod<TRequest, TResponse> next = pipeline;
            pipeline = (request, context) => Interceptor(registration, context).UnaryServerHandler(request, context, next);
        }

        Handlers.Add(new UnaryHandler<TRequest, TResponse>(host, method, pipeline));
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var target = Target<Func<TService, IAsyncStreamReader<TRequest>, ServerCallContext, Task<TResponse>>>(method, typeof(IAsyncStreamReader<TRequest>), typeof(ServerCallContext));
        ClientStreamingServerMethod<TRequest, TResponse> pipeline = (requests, context) =>
        {
            TService service = activator.Get(context.GetHttpContext(), out bool created);
            Task<TResponse> running = target(service, requests, context);
            return created ? ServiceActivator<TService>.ThenReleaseAsync(running, service) : running;
        };
        foreach (InterceptorRegistration registration in host.Interceptors.Reverse())
        {
            ClientStreamingServerMethod<TRequest, TResponse> next = pipeline;
            pipeline = (requests, context) => Interceptor(registration, context).ClientStreamingServerHandler(requests, context, next);
        }

        Handlers.Add(new ClientStreamingHandler<TRequest, TResponse>(host, method, pipeline));
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var target = Target<Func<TService, TRequest, IServerStreamWriter<TResponse>, ServerCallContext, Task>>(method, typeof(TRequest), typeof(IServerStreamWriter<TResponse>), typeof(ServerCallContext));
        ServerStreamingServerMethod<TRequest, TResponse> pipeline = (request, responses, context) =>
        {
            TService service = activator.Get(context.GetHttpContext(), out bool created);
            Task running = target(service, request, responses, context);
            return created ? ServiceActivator<TService>.ThenReleaseAsync(running, service) : running;
        };
        foreach (InterceptorRegistration registration in host.Interceptors.Reverse())
        {
            ServerStreamingServerMethod<TRequest, TResponse> next = pipeline;
            pipeline = (request, responses, context) => Interceptor(registration, context).ServerStreamingServerHandler(request, responses, context, next);
        }

        Handlers.Add(new ServerStreamingHandler<TRequest, TResponse>(host, method, pipeline));
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var target = Target<Func<TService, IAsyncStreamReader<TRequest>, IServerStreamWriter<TResponse>, ServerCallContext, Task>>(method, typeof(IAsyncStreamReader<TRequest>), typeof(IServerStreamWriter<TResponse>), typeof(ServerCallContext));
        DuplexStreamingServerMethod<TRequest, TResponse> pipeline = (requests, responses, context) =>
        {
            TService service = activator.Get(context.GetHttpContext(), out bool created);
            Task running = target(service, requests, responses, context);
            return created ? ServiceActivator<TService>.ThenReleaseAsync(running, service) : running;
        };
        foreach (InterceptorRegistration registration in host.Interceptors.Reverse())
        {
            DuplexStreamingServerMethod<TRequest, TResponse> next = pipeline;
            pipeline = (requests, responses, context) => Interceptor(registration, context).DuplexStreamingServerHandler(requests, responses, context, next);
        }

        Handlers.Add(new DuplexStreamingHandler<TRequest, TResponse>(host, method, pipeline));
    }

    private static Interceptor Interceptor(InterceptorRegistration registration, ServerCallContext context) => registration.Resolve(context.GetHttpContext().RequestServices);

    private static TDelegate Target<TDelegate>(IMethod method, params Type[] parameters)
        where TDelegate : Delegate
    {
        MethodInfo target = typeof(TService).GetMethod(method.Name, BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance, parameters)
            ?? throw new InvalidOperationException($"Could not find '{method.Name}' on {typeof(TService)}.");
        return target.CreateDelegate<TDelegate>();
    }
}
