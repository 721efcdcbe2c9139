using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Google.Protobuf;
using Grpc.Core;
using MiniMilvus.Contracts.Internal.Meta;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Host.Remote;

/// <summary>The coordinator's metadata store as seen from another process. Leases stay with the coordinator.</summary>
internal sealed class RemoteMetaStore(CallInvoker invoker) : IMetaStore
{
    private readonly MetaService.MetaServiceClient _client = new(invoker);

    public async ValueTask<MetaEntry?> GetAsync(string key, CancellationToken ct)
    {
        var response = await RpcErrors.CallAsync(_client.RangeAsync(new RangeRequest { Key = key }, cancellationToken: ct), ct);
        return response.Entries.Count == 0 ? null : FromWire(response.Entries[0]);
    }

    public async ValueTask<MetaRange> RangeAsync(string prefix, CancellationToken ct)
    {
        var response = await RpcErrors.CallAsync(_client.RangeAsync(new RangeRequest { Key = prefix, IsPrefix = true }, cancellationToken: ct), ct);
        return new MetaRange([.. response.Entries.Select(FromWire)], response.Revision);
    }

    public async ValueTask<MetaTransactionResult> TransactAsync(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations, CancellationToken ct)
    {
        var request = new TransactRequest();
        request.Compares.AddRange(compares.Select(c => c switch
        {
            MetaCompare.ModRevision m => new Compare { Key = m.Key, ModRevision = m.Expected },
            MetaCompare.CreateRevision m => new Compare { Key = m.Key, CreateRevision = m.Expected },
            MetaCompare.Value m => new Compare { Key = m.Key, Value = ByteString.CopyFrom(m.Expected.Span) },
            _ => throw MiniMilvusException.Internal($"no wire form for {c.GetType().Name}"),
        }));
        request.Operations.AddRange(operations.Select(o => o switch
        {
            MetaOperation.Put p => new Operation { Key = p.Key, Value = ByteString.CopyFrom(p.Value.Span), Lease = p.Lease },
            _ => new Operation { Key = o.Key, IsDelete = true },
        }));
        var response = await RpcErrors.CallAsync(_client.TransactAsync(request, cancellationToken: ct), ct);
        return new MetaTransactionResult(response.Succeeded, response.Revision);
    }

    public async IAsyncEnumerable<MetaWatchBatch> WatchAsync(string prefix, long fromRevision, [EnumeratorCancellation] CancellationToken ct)
    {
        using var call = _client.Watch(new WatchRequest { Prefix = prefix, FromRevision = fromRevision }, cancellationToken: ct);
        while (await RemoteStream.MoveNextAsync(call.ResponseStream, ct))
        {
            var batch = call.ResponseStream.Current;
            yield return new MetaWatchBatch(batch.Revision, [.. batch.Events.Select(e => new MetaEvent(e.IsDelete, FromWire(e.Entry)))]);
        }

        throw MiniMilvusException.Unavailable("the coordinator ended the metadata watch");
    }

    public ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => throw NoLeases();

    public ValueTask KeepAliveAsync(long lease, CancellationToken ct) => throw NoLeases();

    public ValueTask RevokeLeaseAsync(long lease, CancellationToken ct) => throw NoLeases();

    private static MiniMilvusException NoLeases() => new(ErrorKind.Invalid, ErrorReason.NotSupported, "a node's session is its Register stream; leases are the coordinator's own");

    private static MetaEntry FromWire(Entry e) => new(e.Key, e.Value.Memory, e.CreateRevision, e.ModRevision, e.Version, e.Lease);
}

/// <summary>Reads a server stream with our errors.</summary>
internal static class RemoteStream
{
    public static async ValueTask<bool> MoveNextAsync<T>(IAsyncStreamReader<T> stream, CancellationToken ct)
    {
        try
        {
            return await stream.MoveNext(ct);
        }
        catch (RpcException e)
        {
            ct.ThrowIfCancellationRequested();
            throw RpcErrors.FromRpc(e);
        }
    }
}
