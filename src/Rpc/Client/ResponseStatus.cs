using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Grpc.Core;
using MiniMilvus.Rpc.Wire;

namespace MiniMilvus.Rpc.Client;

/// <summary>How a call ended, read from where a server may say it: trailers, headers (a response of trailers only), the HTTP status, or the transport's failure.</summary>
internal static class ResponseStatus
{
    /// <summary>A status where the response is not gRPC at all; null where it is.</summary>
    internal static Status? OfHttp(HttpResponseMessage response)
    {
        if (response.Headers.NonValidated.Contains(GrpcHeaders.Status) && response.StatusCode == HttpStatusCode.OK)
        {
            return null;
        }

        if (response.StatusCode != HttpStatusCode.OK)
        {
            StatusCode code = response.StatusCode switch
            {
                HttpStatusCode.BadRequest => StatusCode.Internal,
                HttpStatusCode.Unauthorized => StatusCode.Unauthenticated,
                HttpStatusCode.Forbidden => StatusCode.PermissionDenied,
                HttpStatusCode.NotFound => StatusCode.Unimplemented,
                HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout => StatusCode.Unavailable,
                _ => StatusCode.Unknown,
            };
            return new Status(code, $"Bad gRPC response. HTTP status code: {(int)response.StatusCode}");
        }

        string? contentType = response.Content.Headers.NonValidated.TryGetValues("content-type", out HeaderStringValues values) ? values.ToString() : null;
        return GrpcHeaders.IsGrpcContentType(contentType)
            ? null
            : new Status(StatusCode.Unknown, $"Bad gRPC response. Invalid content-type value: {contentType ?? "none"}");
    }

    /// <summary>After the end of the body.</summary>
    internal static Status OfTrailers(HttpResponseMessage response, out Metadata trailers)
    {
        if (TryRead(response.TrailingHeaders, out Status status))
        {
            trailers = MetadataCodec.Read(response.TrailingHeaders);
            return status;
        }

        if (TryRead(response.Headers, out status))
        {
            trailers = MetadataCodec.Read(response.Headers);
            return status;
        }

        trailers = Metadata.Empty;
        return new Status(StatusCode.Unknown, "No grpc-status found on response.");
    }

    /// <summary>A reset stream says why; a broken or refused connection is Unavailable, whatever broke it.</summary>
    internal static Status OfTransportFailure(Exception e)
    {
        bool transport = false;
        for (Exception? inner = e; inner is not null; inner = inner.InnerException)
        {
            if (inner is HttpProtocolException protocol)
            {
                StatusCode code = protocol.ErrorCode switch
                {
                    0 or 7 => StatusCode.Unavailable,
                    8 => StatusCode.Cancelled,
                    11 => StatusCode.ResourceExhausted,
                    12 => StatusCode.PermissionDenied,
                    _ => StatusCode.Internal,
                };
                return new Status(code, $"The HTTP/2 stream or connection was ended by the peer: {protocol.Message}", e);
            }

            transport |= inner is IOException or SocketException or HttpRequestException or ObjectDisposedException or OperationCanceledException;
        }

        return transport
            ? new Status(StatusCode.Unavailable, $"Error connecting to or talking with the server: {e.Message}", e)
            : new Status(StatusCode.Internal, $"Error starting or running the gRPC call: {e.GetType().Name}: {e.Message}", e);
    }

    private static bool TryRead(HttpResponseHeaders headers, out Status status)
    {
        if (!headers.NonValidated.TryGetValues(GrpcHeaders.Status, out HeaderStringValues codes))
        {
            status = default;
            return false;
        }

        StatusCode code = GrpcHeaders.ParseStatus(codes.ToString());
        string detail = headers.NonValidated.TryGetValues(GrpcHeaders.Message, out HeaderStringValues messages) ? GrpcHeaders.DecodeMessage(messages.ToString()) : "";
        status = new Status(code, detail);
        return true;
    }
}
