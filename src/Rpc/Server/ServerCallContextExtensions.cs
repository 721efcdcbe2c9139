using Microsoft.AspNetCore.Http;
using MiniMilvus.Rpc.Server;

namespace Grpc.Core;

/// <summary>From a call to the HTTP request that carries it.</summary>
public static class ServerCallContextExtensions
{
    internal const string HttpContextKey = "__HttpContext";

    public static HttpContext GetHttpContext(this ServerCallContext serverCallContext)
    {
        ArgumentNullException.ThrowIfNull(serverCallContext);
        return serverCallContext is RpcServerCallContext call
            ? call.Http
            : serverCallContext.UserState.TryGetValue(HttpContextKey, out object? value) && value is HttpContext http
                ? http
                : throw new InvalidOperationException("Could not get HttpContext from ServerCallContext.");
    }
}
