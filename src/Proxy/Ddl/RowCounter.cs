using System.Globalization;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Query;
using MiniMilvus.Proxy.Errors;
using MiniMilvus.Proxy.Query;
using MiniMilvus.Proxy.Reading;

namespace MiniMilvus.Proxy.Ddl;

/// <summary>
/// How many rows a collection has: exactly, as count(*) at a Strong timestamp, when it is loaded; else the rows of its flushed segments, which
/// is all that anyone knows without reading (deleted rows still count there).
/// </summary>
internal sealed class RowCounter(Catalogue catalogue, Guarantee guarantee, Retriever retriever)
{
    public async ValueTask<GetCollectionStatisticsResponse> StatisticsAsync(string database, string name, CancellationToken ct)
    {
        var collection = await catalogue.FreshCollectionAsync(database, name, ct);
        var rows = await CountAsync(collection, PartitionId.All, ct);
        var answer = new GetCollectionStatisticsResponse { Status = StatusMapper.Success() };
        answer.Stats.Add(new Contracts.Wire.Common.KeyValuePair { Key = "row_count", Value = rows.ToString(CultureInfo.InvariantCulture) });
        return answer;
    }

    public async ValueTask<long> CountAsync(CollectionRecord collection, PartitionId partition, CancellationToken ct)
    {
        if (!collection.IsLoaded)
        {
            return catalogue.Current.SegmentsOf(collection.Id).Values
                .Where(s => s.State == SegmentState.Flushed && (partition == PartitionId.All || s.Partition == partition))
                .Sum(s => s.Rows);
        }

        var result = await retriever.RetrieveAsync(collection, new RetrieveRequest
        {
            Collection = collection.Id,
            Channels = collection.Channels,
            Partitions = partition == PartitionId.All ? [] : [partition],
            Guarantee = await guarantee.OfAsync(ConsistencyRequest.Strong, collection, ct),
            CountOnly = true,
        }, ct);
        return result.Count;
    }
}
