using Grpc.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Etcd.Wire;

namespace MiniMilvus.Storage.Etcd;

/// <summary>
/// The responses to one watch, through any number of connections: after a failure it opens again, on the next endpoint, from the revision
/// that the caller still lacks, until that has failed for <see cref="EtcdOptions.WatchOutageMax"/>.
/// </summary>
internal sealed class EtcdWatchStream(EtcdClient client, EtcdKeys keys, EtcdOptions options, TimeProvider time, string what) : IDisposable
{
    private static readonly TimeSpan RetryFirst = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan RetryMax = TimeSpan.FromSeconds(1);
    private EtcdEndpoint _endpoint = client.Current;
    private CallOptions _options;
    private CancellationTokenSource? _stop;
    private AsyncDuplexStreamingCall<WatchRequest, WatchResponse>? _call;
    private TimeSpan _retry = RetryFirst;
    private long? _openedAt;
    private long? _failingSince;
    private bool _renewed;

    /// <summary>
    /// The next response: one that says Created at the start and after each failure, then those with changes at or above <paramref name="next"/>.
    /// Conflict when that revision is compacted.
    /// </summary>
    public async ValueTask<WatchResponse> NextAsync(long next, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                var response = _call is null ? await OpenAsync(next, ct) : (await EtcdStreams.ReceiveAsync(_call.ResponseStream)).CheckedFor(keys, isFirst: false);
                if (!response.Canceled)
                {
                    if (!response.Created)
                    {
                        Recovered();
                    }

                    return response;
                }

                Close();
                await JudgeAsync(response, next, ct);
            }
            catch (RpcException e)
            {
                Close();
                ct.ThrowIfCancellationRequested();
                if (EtcdErrors.FaultOf(e) == EtcdFault.BadToken && Renew())
                {
                    continue;
                }

                if (EtcdErrors.FaultOf(e) is not (EtcdFault.NotSent or EtcdFault.Unavailable))
                {
                    throw client.ErrorOf(e, what, _endpoint);
                }

                await WaitAsync(client.ErrorOf(e, what, _endpoint), ct);
            }
        }
    }

    public void Dispose() => Close();

    private async Task<WatchResponse> OpenAsync(long next, CancellationToken ct)
    {
        _endpoint = client.Current;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var timeout = new CancellationTokenSource(options.RequestTimeout, time);
        using var late = timeout.Token.UnsafeRegister(static stop => ((CancellationTokenSource)stop!).Cancel(), _stop);
        try
        {
            _options = await client.PrepareAsync(_endpoint, _stop.Token);
            _call = _endpoint.Watch.Watch(_options);
            var request = new WatchCreateRequest { Key = keys.WatchFirst, RangeEnd = keys.End, StartRevision = next, ProgressNotify = true, Fragment = true };
            await EtcdStreams.SendAsync(_call.RequestStream, new WatchRequest { CreateRequest = request });
            var response = (await EtcdStreams.ReceiveAsync(_call.ResponseStream)).CheckedFor(keys, isFirst: true);
            _openedAt = time.GetTimestamp();
            return response;
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.DeadlineExceeded, $"expected an answer within {options.RequestTimeout}, found none", e));
        }
    }

    /// <summary>The server ended the watch, not the stream.</summary>
    private async Task JudgeAsync(WatchResponse response, long next, CancellationToken ct)
    {
        if (response.CompactRevision > 0)
        {
            // etcd gives no reason here.
            throw MiniMilvusException.Conflict(
                ErrorReason.Unspecified, $"etcd {_endpoint.Name}: {what}: revision {next} is compacted, the oldest kept is {response.CompactRevision}: list again, then watch");
        }

        var reason = response.CancelReason.Length > 0 ? response.CancelReason : "no reason given";
        if (reason.Contains("permission denied", StringComparison.Ordinal) || reason.Contains("auth", StringComparison.Ordinal))
        {
            // An old token looks the same as a missing permission.
            if (!Renew())
            {
                throw client.ErrorOf(new RpcException(new Status(StatusCode.PermissionDenied, reason)), what, _endpoint);
            }

            return;
        }

        await WaitAsync(MiniMilvusException.Unavailable($"etcd {_endpoint.Name}: {what}: the server ended it: {reason}"), ct);
    }

    private bool Renew()
    {
        if (_renewed || !client.Renew(_options))
        {
            return false;
        }

        return _renewed = true;
    }

    private async Task WaitAsync(MiniMilvusException failure, CancellationToken ct)
    {
        client.Leave(_endpoint);
        _failingSince ??= time.GetTimestamp();
        if (time.GetElapsedTime(_failingSince.Value) >= options.WatchOutageMax)
        {
            throw failure;
        }

        await Task.Delay(_retry, time, ct);
        _retry = _retry * 2 < RetryMax ? _retry * 2 : RetryMax;
    }

    private void Recovered() => (_failingSince, _retry, _renewed) = (null, RetryFirst, false);

    private void Close()
    {
        if (_openedAt is { } opened && time.GetElapsedTime(opened) >= RetryMax)
        {
            Recovered(); // it stood for a while, if with nothing to say: what follows is another outage
        }

        _openedAt = null;
        _call?.Dispose();
        _stop?.Dispose();
        (_call, _stop) = (null, null);
    }
}
