using Grpc.Core;
using MiniMilvus.Contracts.Wire.Milvus;

namespace MiniMilvus.Proxy.Grpc;

/// <summary>The server itself: version, health, timestamps, segments, metrics.</summary>
public sealed partial class MilvusGrpcService
{
    public override Task<ConnectResponse> Connect(ConnectRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.System.ConnectAsync(Database(context, ""), ct), status => new ConnectResponse { Status = status });

    public override Task<GetVersionResponse> GetVersion(GetVersionRequest request, ServerCallContext context) =>
        Run(context, _handlers.System.VersionAsync, status => new GetVersionResponse { Status = status });

    public override Task<CheckHealthResponse> CheckHealth(CheckHealthRequest request, ServerCallContext context) =>
        Run(context, _handlers.System.HealthAsync, status => new CheckHealthResponse { Status = status });

    public override Task<AllocTimestampResponse> AllocTimestamp(AllocTimestampRequest request, ServerCallContext context) =>
        Run(context, _handlers.System.TimestampAsync, status => new AllocTimestampResponse { Status = status });

    public override Task<GetMetricsResponse> GetMetrics(GetMetricsRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.System.MetricsAsync(request, ct), status => new GetMetricsResponse { Status = status });

    public override Task<ComponentStates> GetComponentStates(GetComponentStatesRequest request, ServerCallContext context) =>
        Run(context, _handlers.System.ComponentsAsync, status => new ComponentStates { Status = status });

    public override Task<GetPersistentSegmentInfoResponse> GetPersistentSegmentInfo(GetPersistentSegmentInfoRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Segments.PersistentAsync(Database(context, request.DbName), request.CollectionName, ct), status => new GetPersistentSegmentInfoResponse { Status = status });

    public override Task<GetQuerySegmentInfoResponse> GetQuerySegmentInfo(GetQuerySegmentInfoRequest request, ServerCallContext context) =>
        Run(context, ct => _handlers.Segments.LoadedAsync(Database(context, request.DbName), request.CollectionName, ct), status => new GetQuerySegmentInfoResponse { Status = status });
}
