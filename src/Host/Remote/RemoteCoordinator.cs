using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using MiniMilvus.Contracts.Internal.Coordinator;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Host.Remote;

/// <summary>The coordinator as seen from another process. <paramref name="sessionLost"/> hears when the coordinator has ended this node's session.</summary>
internal sealed class RemoteCoordinator(CallInvoker invoker, Action<Exception> sessionLost) : ICoordinator, IChannelAssigner
{
    private readonly CoordinatorService.CoordinatorServiceClient _client = new(invoker);
    private readonly AssignmentService.AssignmentServiceClient _assignments = new(invoker);

    public ValueTask<TimestampRange> AllocateTimestampsAsync(int count, CancellationToken ct) =>
        TimestampsAsync(new AllocateTimestampsRequest { Count = count }, ct);

    public ValueTask<TimestampRange> AllocateTicksAsync(PChannel channel, Term term, int count, CancellationToken ct) =>
        TimestampsAsync(new AllocateTimestampsRequest { Count = count, Channel = channel.Name, Term = term.Value }, ct);

    public async ValueTask<long> AllocateIdsAsync(int count, CancellationToken ct) =>
        (await RpcErrors.CallAsync(_client.AllocateIdsAsync(new AllocateIdsRequest { Count = count }, cancellationToken: ct), ct)).First;

    public async ValueTask<long> ExecuteAsync(DdlCommand command, CancellationToken ct)
    {
        var json = ByteString.CopyFrom(JsonSerializer.SerializeToUtf8Bytes(command, CatalogJson.Default.DdlCommand));
        return (await RpcErrors.CallAsync(_client.ExecuteAsync(new ExecuteRequest { Command = json }, cancellationToken: ct), ct)).Revision;
    }

    public async ValueTask CommitAsync(SegmentCommit commit, CancellationToken ct)
    {
        var json = ByteString.CopyFrom(JsonSerializer.SerializeToUtf8Bytes(commit, CatalogJson.Default.SegmentCommit));
        await RpcErrors.CallAsync(_client.CommitAsync(new CommitRequest { Commit = json }, cancellationToken: ct), ct);
    }

    public async ValueTask<long> RegisterAsync(string role, string address, CancellationToken ct)
    {
        var call = _client.Register(new RegisterRequest { Role = role, Address = address }, cancellationToken: ct);
        try
        {
            if (!await RemoteStream.MoveNextAsync(call.ResponseStream, ct))
            {
                throw MiniMilvusException.Unavailable("the coordinator closed the session before it began");
            }

            var node = call.ResponseStream.Current.NodeId;
            _ = WatchSessionAsync(call, ct);
            return node;
        }
        catch
        {
            call.Dispose();
            throw;
        }
    }

    public async ValueTask<Term> AcquireDataChannelAsync(long nodeId, PChannel channel, CancellationToken ct)
    {
        var request = new AcquireDataChannelRequest { NodeId = nodeId, Channel = channel.Name };
        return new Term((await RpcErrors.CallAsync(_client.AcquireDataChannelAsync(request, cancellationToken: ct), ct)).Term);
    }

    public async ValueTask ReportReaderPositionAsync(long nodeId, PChannel channel, LogPosition position, CancellationToken ct)
    {
        var request = new ReportReaderPositionRequest
        {
            NodeId = nodeId, Channel = channel.Name, Position = new Position { Segment = position.Segment, Entry = position.Entry },
        };
        await RpcErrors.CallAsync(_client.ReportReaderPositionAsync(request, cancellationToken: ct), ct);
    }

    public async ValueTask<ChannelAssignment> ReportErrorAsync(ChannelAssignment assignment, CancellationToken ct)
    {
        var request = new ReportErrorRequest
        {
            Assignment = new Assignment { Channel = assignment.Channel.Name, Term = assignment.Term.Value, NodeId = assignment.NodeId, Address = assignment.Address },
        };
        var newest = (await RpcErrors.CallAsync(_assignments.ReportErrorAsync(request, cancellationToken: ct), ct)).Assignment;
        return new ChannelAssignment(new PChannel(newest.Channel), new Term(newest.Term), newest.NodeId, newest.Address);
    }

    private async ValueTask<TimestampRange> TimestampsAsync(AllocateTimestampsRequest request, CancellationToken ct)
    {
        var response = await RpcErrors.CallAsync(_client.AllocateTimestampsAsync(request, cancellationToken: ct), ct);
        return new TimestampRange(new Timestamp(response.First), request.Count);
    }

    private async Task WatchSessionAsync(AsyncServerStreamingCall<RegisterResponse> call, CancellationToken ct)
    {
        using (call)
        {
            try
            {
                while (await RemoteStream.MoveNextAsync(call.ResponseStream, ct))
                {
                }

                sessionLost(MiniMilvusException.Unavailable("the coordinator ended this node's session"));
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                // The role stops by itself.
            }
            catch (MiniMilvusException e)
            {
                sessionLost(e);
            }
        }
    }
}
