using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Proxy.Errors;
using MiniMilvus.Proxy.Query;
using MiniMilvus.Proxy.Reading;
using SegmentState = MiniMilvus.Core.Catalog.SegmentState;
using WireState = MiniMilvus.Contracts.Wire.Common.SegmentState;

namespace MiniMilvus.Proxy.Ddl;

/// <summary>Segments, as the catalogue knows them and as query nodes hold them.</summary>
internal sealed class SegmentHandler(Catalogue catalogue, IQueryRouter router)
{
    public async ValueTask<GetPersistentSegmentInfoResponse> PersistentAsync(string database, string name, CancellationToken ct)
    {
        var snapshot = await catalogue.FreshAsync(ct);
        var collection = Catalogue.Require(snapshot, database, name);
        var answer = new GetPersistentSegmentInfoResponse { Status = StatusMapper.Success() };
        foreach (var segment in snapshot.SegmentsOf(collection.Id).Values.Where(s => s.State is SegmentState.Growing or SegmentState.Flushed))
        {
            answer.Infos.Add(new PersistentSegmentInfo
            {
                SegmentID = segment.Id.Value,
                CollectionID = collection.Id.Value,
                PartitionID = segment.Partition.Value,
                NumRows = segment.Rows,
                State = segment.State == SegmentState.Flushed ? WireState.Flushed : WireState.Growing,
                Level = Contracts.Wire.Common.SegmentLevel.L1,
            });
        }

        return answer;
    }

    public async ValueTask<GetQuerySegmentInfoResponse> LoadedAsync(string database, string name, CancellationToken ct)
    {
        var collection = await catalogue.FreshCollectionAsync(database, name, ct);
        Retriever.CheckLoaded(collection);
        var index = collection.Indexes.FirstOrDefault(i => collection.Schema.Find(i.Field) is { IsVector: true });
        var answer = new GetQuerySegmentInfoResponse { Status = StatusMapper.Success() };
        foreach (var target in router.For(collection))
        {
            foreach (var segment in (await target.Node.GetLoadStatusAsync(collection.Id, ct)).Segments)
            {
                answer.Infos.Add(new QuerySegmentInfo
                {
                    SegmentID = segment.Id.Value,
                    CollectionID = collection.Id.Value,
                    PartitionID = segment.Partition.Value,
                    MemSize = segment.Bytes,
                    NumRows = segment.Rows,
                    IndexName = segment.IsIndexed ? index?.Name ?? "" : "",
                    IndexID = segment.IsIndexed ? index?.Id ?? 0 : 0,
                    State = segment.IsGrowing ? WireState.Growing : WireState.Sealed,
                    Level = Contracts.Wire.Common.SegmentLevel.L1,
                });
            }
        }

        return answer;
    }
}
