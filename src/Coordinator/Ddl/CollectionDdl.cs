using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Schema;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Coordinator.Ddl;

/// <summary>
/// Creating and dropping a collection: an intent in the catalogue, a message in the log of every shard, then the commit (S11).
/// What a crash left half done is resumed at the next start.
/// </summary>
internal sealed class CollectionDdl(DdlContext context, IReadOnlyList<PChannel> channels, IObjectStore objects, ILogger logger)
{
    // Of one transaction; the metadata stores take 128.
    private const int OperationsMax = 100;

    public async ValueTask<long> CreateAsync(CreateCollection command, CancellationToken ct)
    {
        await context.RequireDatabaseAsync(command.Database, ct);
        var schema = SchemaRules.Complete(command.Schema, context.Options);
        if (command.Shards < 1 || command.Shards > context.Options.ShardsMax)
        {
            throw MiniMilvusException.Invalid($"collection '{schema.Name}': expected 1 to {context.Options.ShardsMax} shards, found {command.Shards}");
        }

        if (await context.FindAsync(command.Database, schema.Name, alias: false, ct) is { } existing)
        {
            return await SameAgainAsync(existing.Record, existing.Entry, schema, command, ct);
        }

        if (await context.Meta.GetAsync(CatalogKeys.Alias(command.Database, schema.Name), ct) is not null)
        {
            throw MiniMilvusException.Conflict(ErrorReason.AliasNameConflict, $"collection name '{schema.Name}' conflicts with an existing alias");
        }

        var id = new CollectionId(await context.Ids.AllocateIdsAsync(1, ct));
        var partition = new PartitionId(await context.Ids.AllocateIdsAsync(1, ct));
        var created = await context.NowAsync(ct);
        var record = new CollectionRecord
        {
            Id = id,
            Database = command.Database,
            Name = schema.Name,
            Schema = schema,
            State = DdlState.Creating,
            Channels = DdlContext.PlaceShards(id, command.Shards, channels),
            Partitions = [new PartitionRecord(partition, CollectionRecord.DefaultPartition, DdlState.Created, created)],
            Consistency = command.Consistency,
            Properties = command.Properties,
            CreatedAt = created,
            UpdatedAt = created,
        };
        var name = CatalogKeys.CollectionName(command.Database, schema.Name);
        var intent = await context.Meta.TransactAsync(
            [MetaCompare.IsAbsent(name)],
            [new MetaOperation.Put(name, CatalogCodec.Encode(id.Value)), new MetaOperation.Put(CatalogKeys.Collection(id), CatalogCodec.Encode(record))],
            ct);
        if (!intent.Succeeded)
        {
            throw MiniMilvusException.Unavailable($"collection '{schema.Name}' was created by somebody else at the same time; try again");
        }

        return await FinishCreateAsync(record, ct);
    }

    public async ValueTask<long> DropAsync(DropCollection command, CancellationToken ct)
    {
        await context.RequireDatabaseAsync(command.Database, ct);
        if (await context.FindAsync(command.Database, command.Name, alias: false, ct) is not { } found)
        {
            if (await context.Meta.GetAsync(CatalogKeys.Alias(command.Database, command.Name), ct) is not null)
            {
                throw MiniMilvusException.Invalid($"cannot drop the collection via alias = {command.Name}");
            }

            return (await context.Meta.RangeAsync(CatalogKeys.Database(command.Database), ct)).Revision; // Milvus: dropping what is not there succeeds.
        }

        foreach (var entry in (await context.Meta.RangeAsync(CatalogKeys.Aliases(command.Database), ct)).Entries)
        {
            if (CatalogCodec.Alias(entry) is { } alias && alias.Collection == found.Record.Id)
            {
                throw MiniMilvusException.Invalid($"unable to drop the collection [{command.Name}] because it has associated aliases [{alias.Alias}], please remove all aliases before dropping the collection");
            }
        }

        var dropping = found.Record with { State = DdlState.Dropping, IsLoaded = false };
        var result = await context.Meta.TransactAsync(
            [new MetaCompare.ModRevision(found.Entry.Key, found.Entry.ModRevision)],
            [new MetaOperation.Put(found.Entry.Key, CatalogCodec.Encode(dropping)), new MetaOperation.Delete(CatalogKeys.CollectionName(command.Database, found.Record.Name))],
            ct);
        if (!result.Succeeded)
        {
            throw MiniMilvusException.Unavailable($"collection '{command.Name}' was changed by somebody else at the same time; try again");
        }

        return await FinishDropAsync(dropping, ct);
    }

    /// <summary>Finishes every create and drop that a crash interrupted.</summary>
    public async ValueTask ResumeAsync(CancellationToken ct)
    {
        foreach (var entry in (await context.Meta.RangeAsync(CatalogKeys.CollectionPrefix, ct)).Entries)
        {
            var record = CatalogCodec.Collection(entry);
            switch (record.State)
            {
                case DdlState.Creating: await FinishCreateAsync(record, ct); break;
                case DdlState.Dropping: await FinishDropAsync(record, ct); break;
            }
        }
    }

    private async ValueTask<long> SameAgainAsync(CollectionRecord existing, MetaEntry entry, CollectionSchema schema, CreateCollection command, CancellationToken ct)
    {
        if (!SameFields(existing.Schema, schema) || existing.Channels.Length != command.Shards)
        {
            throw MiniMilvusException.Conflict(ErrorReason.CollectionAlreadyExists, $"create duplicate collection with different parameters, collection: {schema.Name}");
        }

        return existing.State == DdlState.Creating ? await FinishCreateAsync(existing, ct) : entry.ModRevision;
    }

    private static bool SameFields(CollectionSchema a, CollectionSchema b) =>
        a.EnableDynamicField == b.EnableDynamicField
        && a.Fields.Select(Shape).SequenceEqual(b.Fields.Select(Shape));

    private static (string, DataType, bool, bool, bool, int, int, string?) Shape(FieldSchema f) =>
        (f.Name, f.Type, f.IsPrimaryKey, f.IsAutoId, f.IsNullable, f.Dim, f.MaxLength, f.DefaultValueJson);

    private async ValueTask<long> FinishCreateAsync(CollectionRecord record, CancellationToken ct)
    {
        await context.AppendToShardsAsync(record, new CreateCollectionBody(record.Id, record.Schema), ct);
        var key = CatalogKeys.Collection(record.Id);
        var entry = await context.Meta.GetAsync(key, ct) ?? throw MiniMilvusException.Unavailable($"collection '{record.Name}' was dropped while it was being created");
        var current = CatalogCodec.Collection(entry);
        if (current.State != DdlState.Creating)
        {
            return entry.ModRevision;
        }

        var revision = await context.UpdateAsync(current with { State = DdlState.Created }, entry, ct);
        Log.CollectionState(logger, record.Name, record.Id, DdlState.Created);
        return revision;
    }

    private async ValueTask<long> FinishDropAsync(CollectionRecord record, CancellationToken ct)
    {
        await context.AppendToShardsAsync(record, new DropCollectionBody(record.Id), ct);
        var gone = ImmutableArray.CreateBuilder<MetaOperation>();
        gone.Add(new MetaOperation.Delete(CatalogKeys.Collection(record.Id)));
        foreach (var prefix in new[] { CatalogKeys.Segments(record.Id), CatalogKeys.DeleteFiles(record.Id), CatalogKeys.Compactions(record.Id) })
        {
            foreach (var entry in (await context.Meta.RangeAsync(prefix, ct)).Entries)
            {
                gone.Add(new MetaOperation.Delete(entry.Key));
            }
        }

        foreach (var channel in record.Channels)
        {
            gone.Add(new MetaOperation.Delete(CatalogKeys.Checkpoint(channel)));
        }

        // Files first: while the record stands, a crash here resumes the drop; ids are never given again, so nothing new has these keys.
        foreach (var prefix in new[] { ObjectPaths.CollectionPrefix(record.Id), ObjectPaths.DeletesPrefix(record.Id) })
        {
            await foreach (var file in objects.ListAsync(prefix, ct))
            {
                await objects.DeleteAsync(file.Key, ct);
            }
        }

        // The collection's own record goes last: while it stands, the drop is resumed. A transaction is bounded.
        var records = gone.ToImmutable();
        foreach (var some in records.Skip(1).Chunk(OperationsMax))
        {
            await context.Meta.TransactAsync([], [.. some], ct);
        }

        var result = await context.Meta.TransactAsync([], [records[0]], ct);
        Log.CollectionState(logger, record.Name, record.Id, DdlState.Dropping);
        return result.Revision;
    }
}
