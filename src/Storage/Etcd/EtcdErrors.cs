using System.Net.Sockets;
using System.Security.Authentication;
using Grpc.Core;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.Etcd;

/// <summary>What a failed call asks of the client, before anybody above hears of it.</summary>
internal enum EtcdFault
{
    /// <summary>The server has certainly not acted on it: any call may go to the next endpoint.</summary>
    NotSent,
    /// <summary>It may have acted or not: only a call that may be repeated goes to the next endpoint.</summary>
    Unavailable,
    /// <summary>The token has run out or is older than the users' last change: authenticate again.</summary>
    BadToken,
    /// <summary>An answer, if not the wanted one.</summary>
    Refused,
}

/// <summary>gRPC statuses and etcd's texts, read once, here.</summary>
internal static class EtcdErrors
{
    public static EtcdFault FaultOf(RpcException e) => e.StatusCode switch
    {
        StatusCode.Unavailable when WasNeverSent(e) || Says(e, "etcdserver: no leader") => EtcdFault.NotSent,
        StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled or StatusCode.Aborted or StatusCode.Unknown or StatusCode.Internal => EtcdFault.Unavailable,
        StatusCode.Unauthenticated => EtcdFault.BadToken,
        StatusCode.InvalidArgument when Says(e, "user name is empty") || Says(e, "revision of auth store is old") => EtcdFault.BadToken,
        _ => EtcdFault.Refused,
    };

    /// <summary>The response was larger than the client takes.</summary>
    public static bool IsTooLarge(RpcException e) => e.StatusCode == StatusCode.ResourceExhausted && !Says(e, "etcdserver:");

    /// <param name="what">The call, for the message.</param>
    public static MiniMilvusException Of(RpcException e, string what, EtcdEndpoint endpoint, string user)
    {
        var place = $"etcd {endpoint.Name}: {what}: ";
        var detail = e.Status.Detail;
        if (IsUntrusted(e))
        {
            return Invalid($"{place}expected a TLS handshake with the certificates given, found: {e.Status.DebugException?.InnerException?.Message ?? detail}", e);
        }

        return e.StatusCode switch
        {
            _ when FaultOf(e) == EtcdFault.BadToken || e.StatusCode == StatusCode.PermissionDenied =>
                Invalid($"{place}{(user.Length > 0 ? $"user '{user}' may not do this" : "the server asks for a user and a password, none is set")}: {detail}", e),
            _ when FaultOf(e) is EtcdFault.NotSent or EtcdFault.Unavailable => MiniMilvusException.Unavailable(place + detail, e),
            StatusCode.ResourceExhausted => MiniMilvusException.Unavailable(Says(e, "space exceeded") ? ErrorReason.DiskFull : ErrorReason.RateLimited, place + detail, e),
            StatusCode.NotFound => MiniMilvusException.NotFound(ErrorReason.Unspecified, place + detail),
            StatusCode.OutOfRange when Says(e, "compacted") => MiniMilvusException.Conflict(ErrorReason.Unspecified, $"{place}{detail}: list again"),
            StatusCode.InvalidArgument or StatusCode.OutOfRange or StatusCode.FailedPrecondition => Invalid(place + detail, e),
            StatusCode.Unimplemented => Invalid($"{place}expected etcd's API v3, found: {detail}", e),
            StatusCode.DataLoss => MiniMilvusException.Corrupted(place + detail, e),
            _ => MiniMilvusException.Unavailable($"{place}a status that etcd does not give: {e.Status}", e),
        };
    }

    private static MiniMilvusException Invalid(string message, Exception inner) => new(ErrorKind.Invalid, ErrorReason.InvalidParameter, message, inner);

    private static bool Says(RpcException e, string text) => e.Status.Detail.Contains(text, StringComparison.Ordinal);

    /// <summary>No connection came about, so nothing travelled on it.</summary>
    private static bool WasNeverSent(RpcException e) => e.Status.DebugException switch
    {
        HttpRequestException http => http.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError,
        OperationCanceledException { InnerException: TimeoutException } or SocketException => true,
        _ => false,
    };

    private static bool IsUntrusted(RpcException e) => e.Status.DebugException is HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError, InnerException: AuthenticationException };
}
