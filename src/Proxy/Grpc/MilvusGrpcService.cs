using System.Runtime.CompilerServices;
using Google.Protobuf;
using Grpc.Core;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Proxy.Compaction;
using MiniMilvus.Proxy.Ddl;
using MiniMilvus.Proxy.Delete;
using MiniMilvus.Proxy.Flush;
using MiniMilvus.Proxy.Insert;
using MiniMilvus.Proxy.Query;
using MiniMilvus.Proxy.Search;
using WireStatus = MiniMilvus.Contracts.Wire.Common.Status;

namespace MiniMilvus.Proxy.Grpc;

/// <summary>Everything the service hands on to.</summary>
internal sealed record ProxyHandlers(
    RpcGuard Guard,
    SystemHandler System,
    CollectionHandler Collections,
    PartitionHandler Partitions,
    AliasHandler Aliases,
    DatabaseHandler Databases,
    IndexHandler Indexes,
    LoadHandler Loading,
    RowCounter Counting,
    SegmentHandler Segments,
    InsertHandler Inserting,
    DeleteHandler Deleting,
    SearchHandler Searching,
    HybridSearchHandler HybridSearching,
    QueryHandler Querying,
    FlushHandler Flushing,
    CompactionHandler Compacting);

/// <summary>
/// The Milvus gRPC API. Each method names its database and hands on; what is common to all lies in <see cref="RpcGuard"/>. This file has the
/// data; the other parts have the collections, the rest of the catalogue, the system, and what is left out.
/// </summary>
public sealed partial class MilvusGrpcService : MilvusService.MilvusServiceBase
{
    private readonly ProxyHandlers _handlers;

    internal MilvusGrpcService(ProxyHandlers handlers) => _handlers = handlers;

    public override Task<MutationResult> Insert(InsertRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Inserting.InsertAsync(Database(context, request.DbName), request, ct), FailedMutation);

    public override Task<MutationResult> Upsert(UpsertRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Inserting.UpsertAsync(Database(context, request.DbName), request, ct), FailedMutation);

    public override Task<MutationResult> Delete(DeleteRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Deleting.DeleteAsync(Database(context, request.DbName), request, ct), FailedMutation);

    public override Task<SearchResults> Search(SearchRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Searching.SearchAsync(Database(context, request.DbName), request, ct), FailedSearch);

    public override Task<SearchResults> HybridSearch(HybridSearchRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.HybridSearching.SearchAsync(Database(context, request.DbName), request, ct), FailedSearch);

    public override Task<QueryResults> Query(QueryRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Querying.QueryAsync(Database(context, request.DbName), request, ct), status => new QueryResults { Status = status });

    public override Task<FlushResponse> Flush(FlushRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Flushing.FlushAsync(Database(context, request.DbName), request, ct), status => new FlushResponse { Status = status });

    public override Task<GetFlushStateResponse> GetFlushState(GetFlushStateRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Flushing.StateAsync(Database(context, request.DbName), request, ct), status => new GetFlushStateResponse { Status = status });

    public override Task<FlushAllResponse> FlushAll(FlushAllRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Flushing.FlushAllAsync(Database(context, request.DbName), ct), status => new FlushAllResponse { Status = status });

    public override Task<GetFlushAllStateResponse> GetFlushAllState(GetFlushAllStateRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Flushing.AllStateAsync(Database(context, request.DbName), request, ct), status => new GetFlushAllStateResponse { Status = status });

    public override Task<ManualCompactionResponse> ManualCompaction(ManualCompactionRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Compacting.CompactAsync(Database(context, request.DbName), request, ct), status => new ManualCompactionResponse { Status = status });

    public override Task<GetCompactionStateResponse> GetCompactionState(GetCompactionStateRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Compacting.StateAsync(request, ct), status => new GetCompactionStateResponse { Status = status });

    public override Task<GetCompactionPlansResponse> GetCompactionStateWithPlans(GetCompactionPlansRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Compacting.PlansAsync(request, ct), status => new GetCompactionPlansResponse { Status = status });

    /// <summary>Also on failure the IDs and the results are there: clients look into them before they look at the status.</summary>
    private static MutationResult FailedMutation(WireStatus status) => new() { Status = status, IDs = new() };

    private static SearchResults FailedSearch(WireStatus status) => new() { Status = status, Results = new() };

    private static string Database(ServerCallContext context, string inMessage) => RpcGuard.Database(context, inMessage);

    private Task<TResponse> Run<TResponse>(
        ServerCallContext context, Func<CancellationToken, ValueTask<TResponse>> work, Func<WireStatus, TResponse> failed, [CallerMemberName] string rpc = "")
        where TResponse : IMessage => _handlers.Guard.RunAsync(rpc, context, work, failed);

    private Task<WireStatus> RunStatus(ServerCallContext context, Func<CancellationToken, ValueTask<WireStatus>> work, [CallerMemberName] string rpc = "") =>
        _handlers.Guard.RunAsync(rpc, context, work, status => status);
}
