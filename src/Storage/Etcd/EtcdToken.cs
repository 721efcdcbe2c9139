using Grpc.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Etcd.Wire;
using MiniMilvus.Storage.Waiting;

namespace MiniMilvus.Storage.Etcd;

/// <summary>The headers of every call: the token that etcd gave for user and password, asked for once and again when it is refused.</summary>
internal sealed class EtcdToken(string user, string password)
{
    private readonly AsyncGate _gate = new();
    private Metadata? _headers = user.Length == 0 ? HeadersOf(null) : null;

    public async ValueTask<Metadata> HeadersAsync(EtcdEndpoint endpoint, CancellationToken ct)
    {
        if (Volatile.Read(ref _headers) is { } known)
        {
            return known;
        }

        // One at a time: etcd spends a tenth of a second of a core on each password.
        using var pass = await _gate.EnterAsync(ct);
        return _headers ??= HeadersOf(await AuthenticateAsync(endpoint, ct));
    }

    /// <summary>These headers were refused.</summary>
    public void Forget(Metadata? headers)
    {
        if (user.Length > 0)
        {
            Interlocked.CompareExchange(ref _headers, null, headers);
        }
    }

    private async Task<string?> AuthenticateAsync(EtcdEndpoint endpoint, CancellationToken ct)
    {
        try
        {
            return EtcdReplies.CheckedToken((await endpoint.Auth.AuthenticateAsync(new AuthenticateRequest { Name = user, Password = password }, cancellationToken: ct)).Token);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition && e.Status.Detail.Contains("not enabled", StringComparison.Ordinal))
        {
            // As etcd's own client does: a server without users serves everybody. Once it has users it refuses these headers, and we come back here.
            return null;
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.InvalidArgument or StatusCode.Unauthenticated or StatusCode.PermissionDenied)
        {
            throw new MiniMilvusException(ErrorKind.Invalid, ErrorReason.InvalidParameter, $"etcd {endpoint.Name}: user '{user}' was refused: {e.Status.Detail}", e);
        }
    }

    private static Metadata HeadersOf(string? token)
    {
        // A member that has lost its leader answers at once, and ends its watches.
        var headers = new Metadata { { "hasleader", "true" } };
        if (token is not null)
        {
            headers.Add("token", token);
        }

        return headers;
    }
}
