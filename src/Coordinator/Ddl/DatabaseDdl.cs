using System.Collections.Immutable;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Coordinator.Ddl;

/// <summary>Databases: a name space of collections. "default" always exists.</summary>
internal sealed class DatabaseDdl(DdlContext context)
{
    public async Task EnsureDefaultAsync(CancellationToken ct)
    {
        var key = CatalogKeys.Database(DdlContext.DefaultDatabase);
        var record = new DatabaseRecord(DdlContext.DefaultDatabase, 1, await context.NowAsync(ct), ImmutableSortedDictionary<string, string>.Empty);
        await context.Meta.TransactAsync([MetaCompare.IsAbsent(key)], [new MetaOperation.Put(key, CatalogCodec.Encode(record))], ct);
    }

    public async ValueTask<long> CreateAsync(CreateDatabase command, CancellationToken ct)
    {
        SchemaRules.CheckName("database", command.Database);
        var key = CatalogKeys.Database(command.Database);
        var record = new DatabaseRecord(command.Database, await context.Ids.AllocateIdsAsync(1, ct), await context.NowAsync(ct), command.Properties);
        var result = await context.Meta.TransactAsync([MetaCompare.IsAbsent(key)], [new MetaOperation.Put(key, CatalogCodec.Encode(record))], ct);
        return result.Succeeded
            ? result.Revision
            : throw MiniMilvusException.Conflict(ErrorReason.DatabaseAlreadyExists, $"database already exist: {command.Database}");
    }

    public async ValueTask<long> DropAsync(DropDatabase command, CancellationToken ct)
    {
        if (command.Database == DdlContext.DefaultDatabase)
        {
            throw MiniMilvusException.Invalid("can not drop default database");
        }

        var entry = await context.RequireDatabaseAsync(command.Database, ct);
        if (!(await context.Meta.RangeAsync(CatalogKeys.CollectionNames(command.Database), ct)).Entries.IsEmpty)
        {
            throw MiniMilvusException.Invalid($"database '{command.Database}' is not empty: drop its collections first");
        }

        var result = await context.Meta.TransactAsync([new MetaCompare.ModRevision(entry.Key, entry.ModRevision)], [new MetaOperation.Delete(entry.Key)], ct);
        return result.Revision;
    }
}
