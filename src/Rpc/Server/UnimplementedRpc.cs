using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using MiniMilvus.Rpc.Wire;

namespace MiniMilvus.Rpc.Server;

/// <summary>Answers gRPC calls to names that are not mapped. Other requests to such paths are not its business.</summary>
internal sealed class UnimplementedRpc(ServerHost host)
{
    internal static RoutePattern Pattern()
        => RoutePatternFactory.Parse("{service}/{method}", defaults: null, parameterPolicies: new { method = new GrpcOnly() });

    internal Task HandleAsync(HttpContext http)
    {
        if (HttpRefusal.Of(http) is { } refused)
        {
            return refused.WriteAsync(http.Response);
        }

        string name = http.Request.Path.Value ?? "";
        Log.EndedWith(host.Log, name, StatusCode.Unimplemented, "not mapped");
        http.Response.ContentType = GrpcHeaders.ContentType;
        http.Response.Headers[GrpcHeaders.Status] = GrpcHeaders.StatusText(StatusCode.Unimplemented);
        http.Response.Headers[GrpcHeaders.Message] = GrpcHeaders.EncodeMessage($"Method '{name}' is unimplemented.");
        return Task.CompletedTask;
    }

    private sealed class GrpcOnly : IRouteConstraint
    {
        public bool Match(HttpContext? httpContext, IRouter? route, string routeKey, RouteValueDictionary values, RouteDirection routeDirection)
            => httpContext is not null && HttpMethods.IsPost(httpContext.Request.Method) && GrpcHeaders.IsGrpcContentType(httpContext.Request.ContentType);
    }
}
