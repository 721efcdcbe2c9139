using Grpc.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Etcd.Wire;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Storage.Etcd;

/// <summary>Leases. etcd counts whole seconds, and has a least time to live of its own (1.5 election timeouts: 2 s): a lease may live longer than asked.</summary>
internal sealed class EtcdLeases(EtcdClient client)
{
    public async Task<long> GrantAsync(TimeSpan timeToLive, CancellationToken ct)
    {
        if (timeToLive <= TimeSpan.Zero || timeToLive > MetaLimits.LeaseMax)
        {
            throw MiniMilvusException.Invalid($"lease: expected a time to live up to {MetaLimits.LeaseMax}, found {timeToLive}");
        }

        var request = new LeaseGrantRequest { TTL = (long)Math.Ceiling(timeToLive.TotalSeconds) };
        return (await client.WriteAsync("grant of a lease", async (endpoint, call) => (await endpoint.Lease.LeaseGrantAsync(request, call)).Checked(), ct)).ID;
    }

    public async Task KeepAliveAsync(long lease, CancellationToken ct)
    {
        if (await client.ReadAsync($"keep-alive of lease {lease}", (endpoint, call) => KeepAliveAsync(endpoint, lease, call), ct) <= 0)
        {
            throw MiniMilvusException.NotFound(ErrorReason.Unspecified, $"lease {lease} does not exist or has run out: take a new one");
        }
    }

    public Task RevokeAsync(long lease, CancellationToken ct) => client.WriteAsync(
        $"revoke of lease {lease}", async (endpoint, call) => (await endpoint.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease }, call)).Checked(), ct);

    /// <summary>A stream of one request and one answer; the seconds left, 0 when it has run out.</summary>
    private static async Task<long> KeepAliveAsync(EtcdEndpoint endpoint, long lease, CallOptions options)
    {
        using var call = endpoint.Lease.LeaseKeepAlive(options);
        await EtcdStreams.SendAsync(call.RequestStream, new LeaseKeepAliveRequest { ID = lease });
        return (await EtcdStreams.ReceiveAsync(call.ResponseStream)).CheckedFor(lease).TTL;
    }
}
