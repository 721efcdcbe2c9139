using System.Globalization;
using Grpc.Core;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Host.Remote;

/// <summary>Carries a <see cref="MiniMilvusException"/> between roles: kind and reason travel in trailers, so that nothing is lost on the way.</summary>
internal static class RpcErrors
{
    private const string KindKey = "minimilvus-kind";
    private const string ReasonKey = "minimilvus-reason";

    public static RpcException ToRpc(MiniMilvusException e)
    {
        var code = e.Kind switch
        {
            ErrorKind.Invalid => StatusCode.InvalidArgument,
            ErrorKind.NotFound => StatusCode.NotFound,
            ErrorKind.Conflict => StatusCode.Aborted,
            ErrorKind.Fenced => StatusCode.FailedPrecondition,
            ErrorKind.Unavailable => StatusCode.Unavailable,
            ErrorKind.Corrupted => StatusCode.DataLoss,
            _ => StatusCode.Internal,
        };
        var trailers = new Metadata
        {
            { KindKey, ((int)e.Kind).ToString(CultureInfo.InvariantCulture) },
            { ReasonKey, ((int)e.Reason).ToString(CultureInfo.InvariantCulture) },
        };
        return new RpcException(new Status(code, e.Message), trailers);
    }

    /// <summary>What a failed call means to its caller. Without our trailers the transport failed: the outcome is unknown, try again.</summary>
    public static MiniMilvusException FromRpc(RpcException e)
    {
        if (int.TryParse(e.Trailers.GetValue(KindKey), NumberStyles.None, CultureInfo.InvariantCulture, out var kind)
            && int.TryParse(e.Trailers.GetValue(ReasonKey), NumberStyles.None, CultureInfo.InvariantCulture, out var reason))
        {
            return new MiniMilvusException((ErrorKind)kind, (ErrorReason)reason, e.Status.Detail, e);
        }

        return e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled or StatusCode.Aborted
            ? MiniMilvusException.Unavailable($"another role does not answer: {e.Status.Detail}", e)
            : MiniMilvusException.Internal($"another role answered {e.StatusCode}: {e.Status.Detail}", e);
    }

    /// <summary>Server side: runs a call and turns our errors into statuses.</summary>
    public static async Task<T> ServeAsync<T>(Func<ValueTask<T>> call)
    {
        try
        {
            return await call();
        }
        catch (MiniMilvusException e)
        {
            throw ToRpc(e);
        }
    }

    /// <summary>Client side: awaits a call and turns statuses back into our errors.</summary>
    public static async ValueTask<T> CallAsync<T>(AsyncUnaryCall<T> call, CancellationToken ct)
    {
        try
        {
            using (call)
            {
                return await call.ResponseAsync;
            }
        }
        catch (RpcException e)
        {
            ct.ThrowIfCancellationRequested();
            throw FromRpc(e);
        }
    }
}
