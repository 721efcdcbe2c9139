using MiniMilvus.Contracts.Mapping;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Time;
using MiniMilvus.Proxy.Errors;
using MiniMilvus.Proxy.Reading;
using SearchRequest = MiniMilvus.Core.Query.SearchRequest;

namespace MiniMilvus.Proxy.Search;

/// <summary>One vector search over every shard, reduced to one result; and its form on the wire.</summary>
internal sealed class Searcher(GuaranteedReader reader, ProxyMetrics metrics)
{
    public async ValueTask<SearchResult> SearchAsync(
        CollectionRecord collection, SearchPlan plan, QueryVectors queries, string filter, OutputFields output, IEnumerable<PartitionId> partitions, Timestamp guarantee, CancellationToken ct)
    {
        var request = new SearchRequest
        {
            Collection = collection.Id,
            Channels = collection.Channels,
            Partitions = [.. partitions],
            VectorField = plan.Field.Id,
            Metric = plan.Metric,
            TopK = plan.TopK,
            Queries = queries.Values,
            QueryCount = queries.Count,
            Filter = filter,
            OutputFields = output.Ids,
            Guarantee = guarantee,
            Ef = plan.Ef,
            RefineK = plan.RefineK,
            Radius = plan.Radius,
            RangeFilter = plan.RangeFilter,
            IgnoreGrowing = plan.IgnoreGrowing,
        };
        var results = await reader.ReadAsync(collection, guarantee, (target, token) => target.Node.SearchAsync(request with { Channels = target.Channels }, token), ct);
        var reduced = ResultReducer.Reduce(results, queries.Count, plan.Metric, plan.Offset, plan.Limit);
        metrics.Searched(queries.Count, reduced.Cost.DistancesComputed);
        return reduced;
    }

    public static SearchResults Answer(CollectionRecord collection, OutputFields output, SearchResult result, int limit, int roundDecimal)
    {
        var data = new SearchResultData
        {
            NumQueries = result.Counts.Length,
            TopK = limit,
            Ids = result.Keys.ToIds(),
            PrimaryFieldName = collection.Schema.PrimaryKey.Name,
        };
        data.Topks.AddRange(result.Counts.Select(c => (long)c));
        data.Scores.AddRange(roundDecimal < 0 ? result.Scores : result.Scores.Select(s => MathF.Round(s, roundDecimal)));
        output.AddTo(data.FieldsData, result.Columns);
        data.OutputFields.AddRange(output.Names);
        return new SearchResults
        {
            Status = StatusMapper.Success(),
            Results = data,
            CollectionName = collection.Name,
            SessionTs = result.Snapshot.Value,
        };
    }
}
