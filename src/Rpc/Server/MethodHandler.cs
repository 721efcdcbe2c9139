using Grpc.Core;
using Microsoft.AspNetCore.Http;
using MiniMilvus.Rpc.Wire;

namespace MiniMilvus.Rpc.Server;

/// <summary>The frame of every call: is it gRPC at all, run the handler, turn what happened into one status.</summary>
internal abstract class MethodHandler(ServerHost host, IMethod method)
{
    internal IMethod Method => method;

    internal Task HandleAsync(HttpContext http)
        => HttpRefusal.Of(http) is { } refused ? refused.WriteAsync(http.Response) : RunAsync(new RpcServerCallContext(http, method.FullName, host));

    protected abstract Task RunAsync(RpcServerCallContext call, MessageReader requests);

    private async Task RunAsync(RpcServerCallContext call)
    {
        try
        {
            await RunAsync(call, call.Start());
            call.End(call.Status);
        }
        catch (Exception e)
        {
            call.End(call.StatusOf(e));
        }

        await call.ReleaseAsync();
    }
}

internal sealed class UnaryHandler<TRequest, TResponse>(ServerHost host, Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse> handler) : MethodHandler(host, method)
    where TRequest : class
    where TResponse : class
{
    protected override async Task RunAsync(RpcServerCallContext call, MessageReader requests)
    {
        TRequest request = await requests.ReadSingleAsync(method.RequestMarshaller.ContextualDeserializer);
        TResponse response = await handler(request, call);
        await call.Responses.WriteLastAsync(response, method.ResponseMarshaller.ContextualSerializer);
    }
}

internal sealed class ClientStreamingHandler<TRequest, TResponse>(ServerHost host, Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse> handler) : MethodHandler(host, method)
    where TRequest : class
    where TResponse : class
{
    protected override async Task RunAsync(RpcServerCallContext call, MessageReader requests)
    {
        var stream = new RequestStreamReader<TRequest>(requests, method.RequestMarshaller.ContextualDeserializer);
        TResponse response = await handler(stream, call);
        await call.Responses.WriteLastAsync(response, method.ResponseMarshaller.ContextualSerializer);
    }
}

internal sealed class ServerStreamingHandler<TRequest, TResponse>(ServerHost host, Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse> handler) : MethodHandler(host, method)
    where TRequest : class
    where TResponse : class
{
    protected override async Task RunAsync(RpcServerCallContext call, MessageReader requests)
    {
        TRequest request = await requests.ReadSingleAsync(method.RequestMarshaller.ContextualDeserializer);
        await handler(request, new ResponseStreamWriter<TResponse>(call, method.ResponseMarshaller.ContextualSerializer), call);
    }
}

internal sealed class DuplexStreamingHandler<TRequest, TResponse>(ServerHost host, Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse> handler) : MethodHandler(host, method)
    where TRequest : class
    where TResponse : class
{
    protected override Task RunAsync(RpcServerCallContext call, MessageReader requests)
        => handler(
            new RequestStreamReader<TRequest>(requests, method.RequestMarshaller.ContextualDeserializer),
            new ResponseStreamWriter<TResponse>(call, method.ResponseMarshaller.ContextualSerializer),
            call);
}
