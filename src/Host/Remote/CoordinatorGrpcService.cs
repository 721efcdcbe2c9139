using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Google.Protobuf;
using Grpc.Core;
using MiniMilvus.Contracts.Internal.Coordinator;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Streaming;

namespace MiniMilvus.Host.Remote;

/// <summary>Serves the coordinator to roles in other processes.</summary>
internal sealed class CoordinatorGrpcService(ICoordinator coordinator) : CoordinatorService.CoordinatorServiceBase
{
    public override Task<AllocateTimestampsResponse> AllocateTimestamps(AllocateTimestampsRequest request, ServerCallContext context) => RpcErrors.ServeAsync(async () =>
    {
        var range = request.Channel.Length == 0
            ? await coordinator.AllocateTimestampsAsync(request.Count, context.CancellationToken)
            : await coordinator.AllocateTicksAsync(new PChannel(request.Channel), new Term(request.Term), request.Count, context.CancellationToken);
        return new AllocateTimestampsResponse { First = range.First.Value };
    });

    public override Task<AllocateIdsResponse> AllocateIds(AllocateIdsRequest request, ServerCallContext context) => RpcErrors.ServeAsync(async () =>
        new AllocateIdsResponse { First = await coordinator.AllocateIdsAsync(request.Count, context.CancellationToken) });

    public override Task<ExecuteResponse> Execute(ExecuteRequest request, ServerCallContext context) => RpcErrors.ServeAsync(async () =>
    {
        var command = Read(request.Command, CatalogJson.Default.DdlCommand);
        return new ExecuteResponse { Revision = await coordinator.ExecuteAsync(command, context.CancellationToken) };
    });

    public override Task<CommitResponse> Commit(CommitRequest request, ServerCallContext context) => RpcErrors.ServeAsync(async () =>
    {
        var commit = Read(request.Commit, CatalogJson.Default.SegmentCommit);
        await coordinator.CommitAsync(commit, context.CancellationToken);
        return new CommitResponse();
    });

    public override async Task Register(RegisterRequest request, IServerStreamWriter<RegisterResponse> responseStream, ServerCallContext context)
    {
        try
        {
            var node = await coordinator.RegisterAsync(request.Role, request.Address, context.CancellationToken);
            await responseStream.WriteAsync(new RegisterResponse { NodeId = node });
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.CancellationToken);
        }
        catch (MiniMilvusException e)
        {
            throw RpcErrors.ToRpc(e);
        }
    }

    public override Task<AcquireDataChannelResponse> AcquireDataChannel(AcquireDataChannelRequest request, ServerCallContext context) => RpcErrors.ServeAsync(async () =>
    {
        var term = await coordinator.AcquireDataChannelAsync(request.NodeId, new PChannel(request.Channel), context.CancellationToken);
        return new AcquireDataChannelResponse { Term = term.Value };
    });

    public override Task<ReportReaderPositionResponse> ReportReaderPosition(ReportReaderPositionRequest request, ServerCallContext context) => RpcErrors.ServeAsync(async () =>
    {
        var position = request.Position ?? throw MiniMilvusException.Invalid("expected a position, found none");
        await coordinator.ReportReaderPositionAsync(request.NodeId, new PChannel(request.Channel), new LogPosition(position.Segment, position.Entry), context.CancellationToken);
        return new ReportReaderPositionResponse();
    });

    private static T Read<T>(ByteString json, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(json.Span, type) ?? throw MiniMilvusException.Invalid($"expected a {typeof(T).Name}, found null");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw MiniMilvusException.Invalid($"expected a {typeof(T).Name} as JSON: {e.Message}");
        }
    }
}

/// <summary>Serves error reports about assignments.</summary>
internal sealed class AssignmentGrpcService(IChannelAssigner assigner) : AssignmentService.AssignmentServiceBase
{
    public override Task<ReportErrorResponse> ReportError(ReportErrorRequest request, ServerCallContext context) => RpcErrors.ServeAsync(async () =>
    {
        var a = request.Assignment ?? throw MiniMilvusException.Invalid("expected an assignment, found none");
        var newest = await assigner.ReportErrorAsync(new ChannelAssignment(new PChannel(a.Channel), new Term(a.Term), a.NodeId, a.Address), context.CancellationToken);
        return new ReportErrorResponse
        {
            Assignment = new Assignment { Channel = newest.Channel.Name, Term = newest.Term.Value, NodeId = newest.NodeId, Address = newest.Address },
        };
    });
}
