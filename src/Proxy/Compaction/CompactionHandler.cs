using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.Proxy.Ddl;
using MiniMilvus.Proxy.Errors;

namespace MiniMilvus.Proxy.Compaction;

/// <summary>
/// ManualCompaction asks for a compaction now and answers at once with its id; the other two say how far it has come. The plans are the
/// coordinator's, carried out by the data nodes.
/// </summary>
internal sealed class CompactionHandler(Catalogue catalogue, IIdAllocator ids)
{
    public async ValueTask<ManualCompactionResponse> CompactAsync(string database, ManualCompactionRequest request, CancellationToken ct)
    {
        if (request.MajorCompaction || request.TargetSize > 0)
        {
            throw MiniMilvusException.Invalid(ErrorReason.NotSupported, "compaction: clustering (majorCompaction) and a target size are not supported");
        }

        var snapshot = await catalogue.FreshAsync(ct);
        // Clients send the id, newer ones the name too.
        var collection = request.CollectionName.Length > 0 ? Catalogue.Require(snapshot, database, request.CollectionName)
            : snapshot.FindCollection(new CollectionId(request.CollectionID)) is { State: DdlState.Created } found ? found
            : throw MiniMilvusException.NotFound(ErrorReason.CollectionNotFound, $"can't find collection[collectionID={request.CollectionID}]");
        if (request.PartitionId > 0 && !collection.Partitions.Any(p => p.Id.Value == request.PartitionId && p.State == DdlState.Created))
        {
            throw MiniMilvusException.NotFound(ErrorReason.PartitionNotFound, $"partition not found[collection={collection.Name}][partitionID={request.PartitionId}]");
        }

        var id = await ids.AllocateIdsAsync(1, ct);
        var partition = request.PartitionId > 0 ? new PartitionId(request.PartitionId) : PartitionId.All;
        await catalogue.ExecuteAsync(
            new CompactCollection(collection.Database, collection.Name, id, partition, request.Channel, [.. request.SegmentIds.Select(s => new SegmentId(s))]), ct);
        var plans = catalogue.Current.Compactions.GetValueOrDefault(id)?.Plans.Length ?? 0;
        return new ManualCompactionResponse { Status = StatusMapper.Success(), CompactionID = id, CompactionPlanCount = plans };
    }

    public async ValueTask<GetCompactionStateResponse> StateAsync(GetCompactionStateRequest request, CancellationToken ct)
    {
        var compaction = await FindAsync(request.CompactionID, ct);
        int Count(CompactionPlanState state) => compaction?.Plans.Count(p => p.State == state) ?? 0;
        return new GetCompactionStateResponse
        {
            Status = StatusMapper.Success(),
            State = StateOf(compaction),
            ExecutingPlanNo = Count(CompactionPlanState.Executing),
            CompletedPlanNo = Count(CompactionPlanState.Completed),
            FailedPlanNo = Count(CompactionPlanState.Failed),
        };
    }

    public async ValueTask<GetCompactionPlansResponse> PlansAsync(GetCompactionPlansRequest request, CancellationToken ct)
    {
        var compaction = await FindAsync(request.CompactionID, ct);
        var answer = new GetCompactionPlansResponse { Status = StatusMapper.Success(), State = StateOf(compaction) };
        foreach (var plan in compaction?.Plans ?? [])
        {
            var info = new CompactionMergeInfo { Target = plan.Output.Value };
            info.Sources.AddRange(plan.Inputs.Select(s => s.Value));
            answer.MergeInfos.Add(info);
        }

        return answer;
    }

    private async ValueTask<CompactionRecord?> FindAsync(long id, CancellationToken ct) => id > 0
        ? (await catalogue.FreshAsync(ct)).Compactions.GetValueOrDefault(id)
        : throw MiniMilvusException.Invalid($"compaction id: expected more than 0, found {id}");

    // As in Milvus: one that is not known (any more) has nothing left to do.
    private static CompactionState StateOf(CompactionRecord? compaction) => compaction is null || compaction.IsCompleted ? CompactionState.Completed : CompactionState.Executing;
}
