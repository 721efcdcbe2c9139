using System.Collections.Immutable;
using MiniMilvus.Contracts.Mapping;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Proxy.Errors;
using MiniMilvus.Storage.Catalog;
using SegmentState = MiniMilvus.Core.Catalog.SegmentState;

namespace MiniMilvus.Proxy.Ddl;

/// <summary>
/// Indexes. Progress counts rows of flushed segments; growing rows are searched without one. Scalar indexes are kept in the catalogue and need
/// no file.
/// </summary>
internal sealed class IndexHandler(Catalogue catalogue, ProxyOptions options)
{
    public async ValueTask<Status> CreateAsync(string database, CreateIndexRequest request, CancellationToken ct)
    {
        var collection = await catalogue.FreshCollectionAsync(database, request.CollectionName, ct);
        if (collection.Schema.Find(request.FieldName) is null)
        {
            throw MiniMilvusException.Invalid(ErrorReason.FieldNotFound, $"cannot create index on non-exist field: {request.FieldName}");
        }

        var parameters = request.ExtraParams.ToDictionary();
        await catalogue.ExecuteAsync(new CreateIndex(database, collection.Name, request.FieldName, request.IndexName, parameters), ct);
        return StatusMapper.Success();
    }

    public async ValueTask<Status> DropAsync(string database, DropIndexRequest request, CancellationToken ct)
    {
        var collection = await catalogue.FreshCollectionAsync(database, request.CollectionName, ct);
        await catalogue.ExecuteAsync(new DropIndex(database, collection.Name, request.FieldName, request.IndexName), ct);
        return StatusMapper.Success();
    }

    public async ValueTask<DescribeIndexResponse> DescribeAsync(string database, DescribeIndexRequest request, CancellationToken ct)
    {
        var answer = new DescribeIndexResponse { Status = StatusMapper.Success() };
        answer.IndexDescriptions.AddRange(await DescriptionsAsync(database, request.CollectionName, request.FieldName, request.IndexName, ct));
        return answer;
    }

    public async ValueTask<GetIndexStatisticsResponse> StatisticsAsync(string database, GetIndexStatisticsRequest request, CancellationToken ct)
    {
        var answer = new GetIndexStatisticsResponse { Status = StatusMapper.Success() };
        answer.IndexDescriptions.AddRange(await DescriptionsAsync(database, request.CollectionName, "", request.IndexName, ct));
        return answer;
    }

    public async ValueTask<GetIndexStateResponse> StateAsync(string database, GetIndexStateRequest request, CancellationToken ct)
    {
        var found = await DescriptionsAsync(database, request.CollectionName, request.FieldName, request.IndexName, ct);
        return new GetIndexStateResponse
        {
            Status = StatusMapper.Success(),
            State = found.All(d => d.State == IndexState.Finished) ? IndexState.Finished : IndexState.InProgress,
        };
    }

    public async ValueTask<GetIndexBuildProgressResponse> ProgressAsync(string database, GetIndexBuildProgressRequest request, CancellationToken ct)
    {
        var found = await DescriptionsAsync(database, request.CollectionName, request.FieldName, request.IndexName, ct);
        return new GetIndexBuildProgressResponse { Status = StatusMapper.Success(), IndexedRows = found.Min(d => d.IndexedRows), TotalRows = found.Max(d => d.TotalRows) };
    }

    /// <summary>By index name, or by field name; when both are given either will do, as clients put field names into index_name. Never empty.</summary>
    private async ValueTask<ImmutableArray<IndexDescription>> DescriptionsAsync(string database, string collectionName, string fieldName, string indexName, CancellationToken ct)
    {
        var snapshot = await catalogue.FreshAsync(ct);
        var collection = Catalogue.Require(snapshot, database, collectionName);
        var found = collection.Indexes.Where(i =>
            (indexName.Length == 0 || i.Name == indexName)
            && (fieldName.Length == 0 || collection.Schema.Find(i.Field)?.Name == fieldName)).ToList();
        return found.Count > 0
            ? [.. found.Select(i => Describe(snapshot, collection, i))]
            : throw MiniMilvusException.NotFound(ErrorReason.IndexNotFound,
                $"index not found[collection={collectionName}]{(indexName.Length > 0 ? $"[index={indexName}]" : "")}{(fieldName.Length > 0 ? $"[field={fieldName}]" : "")}");
    }

    private IndexDescription Describe(CatalogSnapshot snapshot, CollectionRecord collection, IndexRecord index)
    {
        var field = collection.Schema.Find(index.Field) ?? throw MiniMilvusException.Internal($"index '{index.Name}' on field {index.Field}, which is not in the schema");
        var segments = snapshot.SegmentsOf(collection.Id).Values.Where(s => s.State == SegmentState.Flushed).ToList();
        var total = segments.Sum(s => s.Rows);
        var hasFile = IndexKind.Of(field, index).Structure != IndexStructure.Scan; // The data node builds none for the others.
        var indexed = segments.Where(s => !hasFile || s.Rows < options.IndexRowsMin || s.Indexes.Any(i => i.IndexId == index.Id)).Sum(s => s.Rows);
        var description = new IndexDescription
        {
            IndexName = index.Name,
            IndexID = index.Id,
            FieldName = field.Name,
            TotalRows = total,
            IndexedRows = indexed,
            PendingIndexRows = total - indexed,
            State = indexed == total ? IndexState.Finished : IndexState.InProgress,
        };
        var parameters = index.Params.SetItem("index_type", index.IndexType);
        parameters = field.IsVector ? parameters.SetItem("metric_type", index.Metric.ToString().ToUpperInvariant()) : parameters.Remove("metric_type");
        description.Params.AddPairs(parameters);
        return description;
    }
}
