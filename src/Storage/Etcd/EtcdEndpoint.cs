using Grpc.Net.Client;

namespace MiniMilvus.Storage.Etcd;

/// <summary>One member of the cluster: its channel, and a client for each service.</summary>
internal sealed class EtcdEndpoint : IDisposable
{
    private readonly HttpMessageHandler _handler;
    private readonly GrpcChannel _channel;
    private int _isMember;

    /// <param name="handler">Disposed with the endpoint.</param>
    public EtcdEndpoint(Uri address, HttpMessageHandler handler, int messageBytesMax)
    {
        _handler = handler;
        Name = $"{address.Scheme}://{address.Authority}";
        _channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions { HttpHandler = handler, MaxReceiveMessageSize = messageBytesMax });
        var invoker = _channel.CreateCallInvoker();
        Kv = new Wire.KV.KVClient(invoker);
        Watch = new Wire.Watch.WatchClient(invoker);
        Lease = new Wire.Lease.LeaseClient(invoker);
        Auth = new Wire.Auth.AuthClient(invoker);
        Maintenance = new Wire.Maintenance.MaintenanceClient(invoker);
    }

    /// <summary>For messages.</summary>
    public string Name { get; }

    public Wire.KV.KVClient Kv { get; }

    public Wire.Watch.WatchClient Watch { get; }

    public Wire.Lease.LeaseClient Lease { get; }

    public Wire.Auth.AuthClient Auth { get; }

    public Wire.Maintenance.MaintenanceClient Maintenance { get; }

    /// <summary>It has answered as a member of the cluster that all endpoints must belong to.</summary>
    public bool IsMember
    {
        get => Volatile.Read(ref _isMember) != 0;
        set => Volatile.Write(ref _isMember, value ? 1 : 0);
    }

    public void Dispose()
    {
        _channel.Dispose();
        _handler.Dispose();
    }
}
