using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Coordinator.Ddl;

/// <summary>Aliases: second names that move from one collection to another in one step.</summary>
internal sealed class AliasDdl(DdlContext context)
{
    public ValueTask<long> CreateAsync(CreateAlias command, CancellationToken ct) => PutAsync(command.Database, command.Collection, command.Alias, isNew: true, ct);

    public ValueTask<long> AlterAsync(AlterAlias command, CancellationToken ct) => PutAsync(command.Database, command.Collection, command.Alias, isNew: false, ct);

    public async ValueTask<long> DropAsync(DropAlias command, CancellationToken ct)
    {
        await context.RequireDatabaseAsync(command.Database, ct);
        var result = await context.Meta.TransactAsync([], [new MetaOperation.Delete(CatalogKeys.Alias(command.Database, command.Alias))], ct);
        return result.Revision;
    }

    private async ValueTask<long> PutAsync(string database, string collection, string alias, bool isNew, CancellationToken ct)
    {
        SchemaRules.CheckName("alias", alias);
        var (record, entry) = await context.RequireAsync(database, collection, ct);
        var named = CatalogKeys.CollectionName(database, alias);
        if (await context.Meta.GetAsync(named, ct) is not null)
        {
            throw MiniMilvusException.Conflict(ErrorReason.AliasNameConflict, $"collection name [{alias}] conflicts with an existing collection, and can not be an alias");
        }

        var key = CatalogKeys.Alias(database, alias);
        var old = await context.Meta.GetAsync(key, ct);
        if (isNew && old is not null)
        {
            return CatalogCodec.Alias(old).Collection == record.Id
                ? old.ModRevision
                : throw MiniMilvusException.Conflict(ErrorReason.AliasAlreadyExists, $"{alias} is alias to another collection: alias already exist");
        }

        if (!isNew && old is null)
        {
            throw MiniMilvusException.NotFound(ErrorReason.AliasNotFound, $"alias not found[database={database}][alias={alias}]");
        }

        var value = CatalogCodec.Encode(new AliasRecord(database, alias, record.Id, await context.NowAsync(ct)));
        var result = await context.Meta.TransactAsync(
            [new MetaCompare.ModRevision(key, old?.ModRevision ?? 0), MetaCompare.IsAbsent(named), new MetaCompare.CreateRevision(entry.Key, entry.CreateRevision)],
            [new MetaOperation.Put(key, value)],
            ct);
        return result.Succeeded
            ? result.Revision
            : throw MiniMilvusException.Unavailable($"alias '{alias}' was changed by somebody else at the same time; try again");
    }
}
