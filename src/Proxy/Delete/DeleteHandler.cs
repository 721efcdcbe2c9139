using System.Collections.Immutable;
using MiniMilvus.Contracts.Mapping;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Expressions;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Proxy.Ddl;
using MiniMilvus.Proxy.Errors;
using MiniMilvus.Proxy.Insert;
using MiniMilvus.Proxy.Query;
using MiniMilvus.Proxy.Reading;

namespace MiniMilvus.Proxy.Delete;

/// <summary>
/// Deletes by primary keys, or by an expression: then the matching keys are read first, at a Strong timestamp, and deleted. Rows that come to
/// match in between stay.
/// </summary>
internal sealed class DeleteHandler(
    Catalogue catalogue, ITimestampOracle oracle, Guarantee guarantee, Retriever retriever, RowRouter router, ShardWriter writer, ProxyMetrics metrics, ProxyOptions options)
{
    public async ValueTask<MutationResult> DeleteAsync(string database, DeleteRequest request, CancellationToken ct)
    {
        var collection = await catalogue.CollectionAsync(database, request.CollectionName, ct);
        var partition = request.PartitionName.Length > 0 ? Catalogue.Partition(collection, request.PartitionName).Id : PartitionId.All;
        var filter = FilterText.Parse(request.Expr, collection.Schema, request.ExprTemplateValues)
            ?? throw MiniMilvusException.Invalid("delete: expected an expression, found an empty one");
        var keys = FilterExpression.TryGetPrimaryKeys(filter, collection.Schema) is { } named
            ? Column(collection.Schema.PrimaryKey, named)
            : await MatchingKeysAsync(collection, partition, filter, ct);
        var writes = router.RouteDeletes(collection, partition, keys);
        var tick = writes.Length > 0 ? await writer.WriteAsync(writes, ct) : (await oracle.AllocateTimestampsAsync(1, ct)).First;
        metrics.Deleted(keys.Count);
        return new MutationResult
        {
            Status = StatusMapper.Success(),
            IDs = keys.Take([]).ToIds(),
            DeleteCnt = keys.Count,
            Acknowledged = true,
            Timestamp = tick.Value,
        };
    }

    private static Column Column(FieldSchema field, ImmutableArray<PrimaryKey> keys) => field.Type == DataType.VarChar
        ? new StringColumn(field.Id, keys.Select(k => k.ToString()).ToArray())
        : new ScalarColumn<long>(field.Id, field.Type, keys.Select(k => k.Number).ToArray());

    private async ValueTask<Column> MatchingKeysAsync(CollectionRecord collection, PartitionId partition, FilterExpression filter, CancellationToken ct)
    {
        var key = collection.Schema.PrimaryKey;
        Retriever.CheckLoaded(collection);
        var found = await retriever.RetrieveAsync(collection, new RetrieveRequest
        {
            Collection = collection.Id,
            Channels = collection.Channels,
            Partitions = partition == PartitionId.All ? [] : [partition],
            Filter = filter.ToText(),
            OutputFields = [key.Id],
            Guarantee = await guarantee.OfAsync(ConsistencyRequest.Strong, collection, ct),
            Limit = options.UnlimitedRowsMax + 1L,
        }, ct);
        var keys = found.Columns.First(c => c.Field == key.Id);
        return keys.Count <= options.UnlimitedRowsMax
            ? keys
            : throw MiniMilvusException.Invalid(ErrorReason.MessageTooLarge, $"delete: the expression matches more than {options.UnlimitedRowsMax} rows; delete them in parts");
    }
}
