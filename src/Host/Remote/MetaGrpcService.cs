using Google.Protobuf;
using Grpc.Core;
using MiniMilvus.Contracts.Internal.Meta;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Host.Remote;

/// <summary>Serves the coordinator's metadata store to roles in other processes.</summary>
internal sealed class MetaGrpcService(IMetaStore meta) : MetaService.MetaServiceBase
{
    public override Task<RangeResponse> Range(RangeRequest request, ServerCallContext context) => RpcErrors.ServeAsync(async () =>
    {
        var ct = context.CancellationToken;
        var range = await meta.RangeAsync(request.Key, ct);
        var response = new RangeResponse { Revision = range.Revision };
        response.Entries.AddRange(range.Entries.Where(e => request.IsPrefix || e.Key == request.Key).Select(ToWire));
        return response;
    });

    public override Task<TransactResponse> Transact(TransactRequest request, ServerCallContext context) => RpcErrors.ServeAsync(async () =>
    {
        var result = await meta.TransactAsync([.. request.Compares.Select(FromWire)], [.. request.Operations.Select(FromWire)], context.CancellationToken);
        return new TransactResponse { Succeeded = result.Succeeded, Revision = result.Revision };
    });

    public override async Task Watch(WatchRequest request, IServerStreamWriter<WatchResponse> responseStream, ServerCallContext context)
    {
        try
        {
            await foreach (var batch in meta.WatchAsync(request.Prefix, request.FromRevision, context.CancellationToken))
            {
                var response = new WatchResponse { Revision = batch.Revision };
                response.Events.AddRange(batch.Events.Select(e => new Event { IsDelete = e.IsDelete, Entry = ToWire(e.Entry) }));
                await responseStream.WriteAsync(response);
            }
        }
        catch (MiniMilvusException e)
        {
            throw RpcErrors.ToRpc(e);
        }
    }

    private static Entry ToWire(MetaEntry e) => new()
    {
        Key = e.Key, Value = ByteString.CopyFrom(e.Value.Span), CreateRevision = e.CreateRevision, ModRevision = e.ModRevision, Version = e.Version, Lease = e.Lease,
    };

    private static MetaCompare FromWire(Compare c) => c.ExpectedCase switch
    {
        Compare.ExpectedOneofCase.ModRevision => new MetaCompare.ModRevision(c.Key, c.ModRevision),
        Compare.ExpectedOneofCase.CreateRevision => new MetaCompare.CreateRevision(c.Key, c.CreateRevision),
        Compare.ExpectedOneofCase.Value => new MetaCompare.Value(c.Key, c.Value.Memory),
        _ => throw MiniMilvusException.Invalid($"comparison of '{c.Key}': expected a revision or a value, found none"),
    };

    private static MetaOperation FromWire(Operation o) => o.IsDelete ? new MetaOperation.Delete(o.Key) : new MetaOperation.Put(o.Key, o.Value.Memory, o.Lease);
}
