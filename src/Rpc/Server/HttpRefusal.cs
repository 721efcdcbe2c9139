using Grpc.Core;
using Microsoft.AspNetCore.Http;
using MiniMilvus.Rpc.Wire;

namespace MiniMilvus.Rpc.Server;

/// <summary>A request that is not gRPC is refused in HTTP's terms, with the reason in gRPC's for those who look.</summary>
internal sealed record HttpRefusal(int HttpStatus, string Reason)
{
    internal static HttpRefusal? Of(HttpContext http)
    {
        HttpRequest request = http.Request;
        return request.ContentType is not { } contentType ? new HttpRefusal(StatusCodes.Status415UnsupportedMediaType, "Content-Type is missing from the request.")
            : !GrpcHeaders.IsGrpcContentType(contentType) ? new HttpRefusal(StatusCodes.Status415UnsupportedMediaType, $"Content-Type '{contentType}' is not supported.")
            : !HttpProtocol.IsHttp2(request.Protocol) && !HttpProtocol.IsHttp3(request.Protocol) ? new HttpRefusal(StatusCodes.Status426UpgradeRequired, $"Request protocol '{request.Protocol}' is not supported.")
            : null;
    }

    internal Task WriteAsync(HttpResponse response)
    {
        response.StatusCode = HttpStatus;
        response.Headers[GrpcHeaders.Status] = GrpcHeaders.StatusText(StatusCode.Internal);
        response.Headers[GrpcHeaders.Message] = GrpcHeaders.EncodeMessage(Reason);
        if (HttpStatus == StatusCodes.Status426UpgradeRequired)
        {
            response.Headers.Upgrade = "h2c";
        }

        return Task.CompletedTask;
    }
}
