using System.Collections.Immutable;
using System.Globalization;
using MiniMilvus.Contracts.Mapping;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Proxy.Ddl;
using MiniMilvus.Proxy.Errors;

namespace MiniMilvus.Proxy.Insert;

/// <summary>Station 1: an insert or upsert, decoded, its deadline known; then validated (2), given keys, routed (3) and appended (4).</summary>
internal sealed class InsertHandler(
    Catalogue catalogue, IIdAllocator ids, RowValidator validator, RowRouter router, ShardWriter writer, ProxyMetrics metrics, IStationSink stations)
{
    public async ValueTask<MutationResult> InsertAsync(string database, InsertRequest request, CancellationToken ct)
    {
        var collection = await CollectionAsync(database, request.CollectionName, request.SchemaTimestamp, ct);
        Emit(Station.InsertHandler, collection, request.NumRows);
        var allowsKeys = collection.Properties.TryGetValue(AutoIdProperties.AllowInsert, out var text) && bool.TryParse(text, out var flag) && flag;
        var rows = validator.Validate(collection.Schema, request.FieldsData, request.NumRows, allowsKeys ? KeyRule.Either : KeyRule.BySchema);
        Emit(Station.RowValidator, collection, rows.Count);
        var keys = rows.Keys ?? await NewKeysAsync(collection, rows.Count, ct);
        var writes = router.Route(collection, Partition(collection, request.PartitionName), Batch(collection, rows, keys));
        Emit(Station.RowRouter, collection, rows.Count);
        var tick = await writer.WriteAsync(writes, ct);
        metrics.Inserted(rows.Count);
        return Result(keys, tick, new MutationResult { InsertCnt = rows.Count });
    }

    /// <summary>
    /// Per shard one atomic append: the old keys' delete, then the new rows (S6). With an auto-id key the given keys name the rows to replace
    /// and the new rows get new keys, as in Milvus. Keys are unique across partitions, so the delete reaches all of them.
    /// </summary>
    public async ValueTask<MutationResult> UpsertAsync(string database, UpsertRequest request, CancellationToken ct)
    {
        if (request.PartialUpdate || request.FieldOps.Count > 0)
        {
            throw MiniMilvusException.Invalid(ErrorReason.NotSupported, "upsert with partial_update is not supported by this server");
        }

        var collection = await CollectionAsync(database, request.CollectionName, request.SchemaTimestamp, ct);
        Emit(Station.InsertHandler, collection, request.NumRows);
        var rows = validator.Validate(collection.Schema, request.FieldsData, request.NumRows, KeyRule.Given);
        Emit(Station.RowValidator, collection, rows.Count);
        var oldKeys = rows.Keys ?? throw MiniMilvusException.Internal("an upsert passed validation without keys");
        RefuseDuplicates(collection.Schema.PrimaryKey, oldKeys);
        var keys = collection.Schema.PrimaryKey.IsAutoId ? await NewKeysAsync(collection, rows.Count, ct) : oldKeys;
        var inserts = router.Route(collection, Partition(collection, request.PartitionName), Batch(collection, rows, keys));
        var deletes = router.RouteDeletes(collection, PartitionId.All, oldKeys).ToDictionary(w => w.Channel);
        Emit(Station.RowRouter, collection, rows.Count);
        var writes = ImmutableArray.CreateBuilder<ShardWrite>();
        foreach (var insert in inserts)
        {
            writes.Add(deletes.Remove(insert.Channel, out var delete) ? insert with { Messages = [.. delete.Messages, .. insert.Messages] } : insert);
        }

        writes.AddRange(deletes.Values);
        var tick = await writer.WriteAsync(writes.ToImmutable(), ct);
        metrics.Inserted(rows.Count);
        return Result(keys, tick, new MutationResult { UpsertCnt = rows.Count, InsertCnt = rows.Count, DeleteCnt = rows.Count });
    }

    private async ValueTask<CollectionRecord> CollectionAsync(string database, string name, ulong schemaTimestamp, CancellationToken ct)
    {
        var collection = await catalogue.CollectionAsync(database, name, ct);
        if (schemaTimestamp > collection.UpdatedAt.Value)
        {
            // The client knows a newer schema than our cached one.
            collection = await catalogue.FreshCollectionAsync(database, name, ct);
        }

        return schemaTimestamp == 0 || schemaTimestamp >= collection.UpdatedAt.Value
            ? collection
            : throw MiniMilvusException.Conflict(ErrorReason.SchemaMismatch,
                $"collection '{name}': the request was built for the schema of {schemaTimestamp}, but it changed at {collection.UpdatedAt.Value}; describe the collection again");
    }

    private static PartitionId Partition(CollectionRecord collection, string name)
    {
        if (name.Length > 0 && collection.Schema.Fields.Any(f => f.IsPartitionKey))
        {
            throw MiniMilvusException.Invalid($"collection '{collection.Name}' has a partition key: expected no partition name, found '{name}'");
        }

        return Catalogue.Partition(collection, name.Length > 0 ? name : CollectionRecord.DefaultPartition).Id;
    }

    private async ValueTask<Column> NewKeysAsync(CollectionRecord collection, int count, CancellationToken ct)
    {
        var field = collection.Schema.PrimaryKey;
        var first = AutoIdProperties.AboveOf(collection) + await ids.AllocateIdsAsync(count, ct);
        if (field.Type == DataType.VarChar)
        {
            var texts = new string[count];
            for (var row = 0; row < count; row++)
            {
                texts[row] = (first + row).ToString(CultureInfo.InvariantCulture);
            }

            return new StringColumn(field.Id, texts);
        }

        var numbers = new long[count];
        for (var row = 0; row < count; row++)
        {
            numbers[row] = first + row;
        }

        return new ScalarColumn<long>(field.Id, field.Type, numbers);
    }

    private static RowBatch Batch(CollectionRecord collection, ValidRows rows, Column keys) =>
        new(collection.Schema.PrimaryKey.Id, [keys, .. rows.Columns]);

    private static void RefuseDuplicates(FieldSchema field, Column keys)
    {
        var seen = new HashSet<PrimaryKey>(keys.Count);
        for (var row = 0; row < keys.Count; row++)
        {
            var key = RowBatch.KeyOf(keys, row);
            if (!seen.Add(key))
            {
                throw MiniMilvusException.Invalid($"upsert, row {row}: expected each primary key ('{field.Name}') once, found {key} twice");
            }
        }
    }

    private static MutationResult Result(Column keys, Timestamp tick, MutationResult result)
    {
        result.Status = StatusMapper.Success();
        result.IDs = keys.ToIds();
        result.Acknowledged = true;
        result.Timestamp = tick.Value;
        result.SuccIndex.AddRange(Enumerable.Range(0, keys.Count).Select(i => (uint)i));
        return result;
    }

    private void Emit(Station station, CollectionRecord collection, long rows)
    {
        if (stations.IsEnabled)
        {
            stations.Emit(new StationEvent(station, collection.Channels[0].Name, Timestamp.Zero, LogPosition.Beginning, rows));
        }
    }
}
