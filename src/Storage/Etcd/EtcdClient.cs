using Grpc.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Etcd.Wire;

namespace MiniMilvus.Storage.Etcd;

/// <summary>
/// One call to a cluster of several endpoints. All calls go to one endpoint until it fails; then to the next. A call that may have been
/// acted on is repeated only when that does no harm.
/// </summary>
internal sealed class EtcdClient : IDisposable
{
    private readonly EtcdOptions _options;
    private readonly TimeProvider _time;
    private readonly EtcdKeys _keys;
    private readonly EtcdToken _token;
    private readonly EtcdEndpoint[] _endpoints;
    private int _current;
    private ulong _cluster;

    public EtcdClient(EtcdOptions options, EtcdKeys keys, TimeProvider time)
    {
        options.Validate();
        _options = options;
        _time = time;
        _keys = keys;
        _token = new EtcdToken(options.User, options.Password);
        _endpoints = [.. options.Endpoints.Select(e => new EtcdEndpoint(options.AddressOf(e), EtcdTls.CreateHandler(options), options.MessageBytesMax))];
    }

    public EtcdEndpoint Current => _endpoints[(uint)Volatile.Read(ref _current) % (uint)_endpoints.Length];

    /// <summary>A call that may be repeated. <paramref name="what"/> names it in errors.</summary>
    public Task<T> ReadAsync<T>(string what, Func<EtcdEndpoint, CallOptions, Task<T>> call, CancellationToken ct) => CallAsync(what, mayRepeat: true, call, ct);

    /// <summary>A call that takes effect once: after an unclear failure it is Unavailable and may have happened.</summary>
    public Task<T> WriteAsync<T>(string what, Func<EtcdEndpoint, CallOptions, Task<T>> call, CancellationToken ct) => CallAsync(what, mayRepeat: false, call, ct);

    public async Task<T> CallAsync<T>(string what, bool mayRepeat, Func<EtcdEndpoint, CallOptions, Task<T>> call, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        using var timeout = new CancellationTokenSource(_options.RequestTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        var renewed = false;
        // Each endpoint once, and a single one twice: the first failure may be that of a connection which the server has closed long ago.
        for (var left = Math.Max(2, _endpoints.Length); ;)
        {
            var endpoint = Current;
            var options = default(CallOptions);
            var isSent = false;
            try
            {
                options = await PrepareAsync(endpoint, either.Token);
                isSent = true;
                return await call(endpoint, options);
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException && ct.IsCancellationRequested)
            {
                throw new OperationCanceledException($"etcd {endpoint.Name}: {what} was cancelled", e, ct);
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException && timeout.IsCancellationRequested)
            {
                Leave(endpoint);
                throw TimedOut(what, endpoint, e);
            }
            catch (RpcException e)
            {
                var fault = EtcdErrors.FaultOf(e);
                if (fault == EtcdFault.BadToken && !renewed && Renew(options))
                {
                    renewed = true;
                    continue;
                }

                if (fault is EtcdFault.NotSent or EtcdFault.Unavailable)
                {
                    Leave(endpoint);
                    if (--left > 0 && (mayRepeat || !isSent || fault == EtcdFault.NotSent))
                    {
                        continue;
                    }
                }

                throw ErrorOf(e, what, endpoint);
            }
        }
    }

    /// <summary>What a call on this endpoint is to be made with: our token, and the certainty that it is a member of our cluster.</summary>
    public async Task<CallOptions> PrepareAsync(EtcdEndpoint endpoint, CancellationToken ct)
    {
        var options = new CallOptions(await _token.HeadersAsync(endpoint, ct), cancellationToken: ct);
        if (!endpoint.IsMember)
        {
            var found = await ClusterOfAsync(endpoint, options);
            var cluster = Interlocked.CompareExchange(ref _cluster, found, 0);
            if (cluster != 0 && cluster != found)
            {
                throw MiniMilvusException.Invalid($"etcd: Endpoints: expected members of one cluster, found {endpoint.Name} in cluster {found:x} and others in {cluster:x}");
            }

            endpoint.IsMember = true;
        }

        return options;
    }

    /// <summary>After a failure: the calls that come go elsewhere.</summary>
    public void Leave(EtcdEndpoint endpoint)
    {
        var at = Volatile.Read(ref _current);
        if (_endpoints[(uint)at % (uint)_endpoints.Length] == endpoint)
        {
            Interlocked.CompareExchange(ref _current, at + 1, at);
        }
    }

    /// <summary>The token of this call was refused; false when there is no other to ask for.</summary>
    public bool Renew(CallOptions refused)
    {
        _token.Forget(refused.Headers);
        return _options.User.Length > 0;
    }

    public MiniMilvusException ErrorOf(RpcException e, string what, EtcdEndpoint endpoint) => EtcdErrors.Of(e, what, endpoint, _options.User);

    public MiniMilvusException TimedOut(string what, EtcdEndpoint endpoint, Exception e) =>
        MiniMilvusException.Unavailable($"etcd {endpoint.Name}: {what}: expected an answer within {_options.RequestTimeout}, found none", e);

    public void Dispose()
    {
        foreach (var endpoint in _endpoints)
        {
            endpoint.Dispose();
        }
    }

    private async Task<ulong> ClusterOfAsync(EtcdEndpoint endpoint, CallOptions options)
    {
        try
        {
            var request = new RangeRequest { Key = _keys.Beacon, KeysOnly = true, Serializable = true };
            return (await endpoint.Kv.RangeAsync(request, options)).CheckedFor(request).Header.ClusterId;
        }
        catch (RpcException e) when (EtcdErrors.FaultOf(e) == EtcdFault.BadToken)
        {
            Renew(options);
            throw;
        }
    }
}
