using Grpc.Core;
using MiniMilvus.Contracts.Internal.Query;
using MiniMilvus.Core;
using MiniMilvus.Core.Query;

namespace MiniMilvus.Host.Remote;

/// <summary>Serves a query node to proxies in other processes.</summary>
internal sealed class QueryNodeGrpcService(IQueryNode node) : QueryNodeService.QueryNodeServiceBase
{
    public override Task<SearchResponse> Search(Contracts.Internal.Query.SearchRequest request, ServerCallContext context) => RpcErrors.ServeAsync(async () =>
        QueryWire.ToWire(await node.SearchAsync(QueryWire.FromWire(request), context.CancellationToken)));

    public override Task<RetrieveResponse> Retrieve(Contracts.Internal.Query.RetrieveRequest request, ServerCallContext context) => RpcErrors.ServeAsync(async () =>
        QueryWire.ToWire(await node.RetrieveAsync(QueryWire.FromWire(request), context.CancellationToken)));

    public override Task<GetLoadStatusResponse> GetLoadStatus(GetLoadStatusRequest request, ServerCallContext context) => RpcErrors.ServeAsync(async () =>
        QueryWire.ToWire(await node.GetLoadStatusAsync(new CollectionId(request.Collection), context.CancellationToken)));
}

/// <summary>A query node in another process.</summary>
internal sealed class RemoteQueryNode(CallInvoker invoker) : IQueryNode
{
    private readonly QueryNodeService.QueryNodeServiceClient _client = new(invoker);

    public async ValueTask<SearchResult> SearchAsync(Core.Query.SearchRequest request, CancellationToken ct) =>
        QueryWire.FromWire(await RpcErrors.CallAsync(_client.SearchAsync(QueryWire.ToWire(request), cancellationToken: ct), ct));

    public async ValueTask<RetrieveResult> RetrieveAsync(Core.Query.RetrieveRequest request, CancellationToken ct) =>
        QueryWire.FromWire(await RpcErrors.CallAsync(_client.RetrieveAsync(QueryWire.ToWire(request), cancellationToken: ct), ct));

    public async ValueTask<LoadStatus> GetLoadStatusAsync(CollectionId collection, CancellationToken ct) =>
        QueryWire.FromWire(await RpcErrors.CallAsync(_client.GetLoadStatusAsync(new GetLoadStatusRequest { Collection = collection.Value }, cancellationToken: ct), ct));
}
