using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Compaction;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Coordinator.Ddl;

/// <summary>Carries out DDL commands, one at a time.</summary>
internal sealed class DdlExecutor(DdlContext context, IReadOnlyList<PChannel> channels, IObjectStore objects, CompactionOptions compaction, RetentionOptions retention, ILogger logger)
{
    private readonly AsyncGate _gate = new();
    private readonly CollectionDdl _collections = new(context, channels, objects, logger);
    private readonly PartitionDdl _partitions = new(context);
    private readonly AliasDdl _aliases = new(context);
    private readonly DatabaseDdl _databases = new(context);
    private readonly IndexDdl _indexes = new(context);
    private readonly CompactionDdl _compactions = new(context, compaction, retention);

    public Task StartAsync(CancellationToken ct) => _databases.EnsureDefaultAsync(ct);

    public async ValueTask ResumeAsync(CancellationToken ct)
    {
        using var turn = await _gate.EnterAsync(ct);
        await _collections.ResumeAsync(ct);
    }

    public async ValueTask<long> ExecuteAsync(DdlCommand command, CancellationToken ct)
    {
        using var turn = await _gate.EnterAsync(ct);
        return command switch
        {
            CreateDatabase c => await _databases.CreateAsync(c, ct),
            DropDatabase c => await _databases.DropAsync(c, ct),
            CreateCollection c => await _collections.CreateAsync(c, ct),
            DropCollection c => await _collections.DropAsync(c, ct),
            RenameCollection c => await RenameAsync(c, ct),
            AlterCollection c => await AlterAsync(c, ct),
            CreatePartition c => await _partitions.CreateAsync(c, ct),
            DropPartition c => await _partitions.DropAsync(c, ct),
            CreateAlias c => await _aliases.CreateAsync(c, ct),
            AlterAlias c => await _aliases.AlterAsync(c, ct),
            DropAlias c => await _aliases.DropAsync(c, ct),
            CreateIndex c => await _indexes.CreateAsync(c, ct),
            DropIndex c => await _indexes.DropAsync(c, ct),
            CompactCollection c => await _compactions.CompactAsync(c, ct),
            LoadCollection c => await SetLoadedAsync(c.Database, c.Name, isLoaded: true, ct),
            ReleaseCollection c => await SetLoadedAsync(c.Database, c.Name, isLoaded: false, ct),
            _ => throw MiniMilvusException.Internal($"no execution for {command.GetType().Name}"),
        };
    }

    private async ValueTask<long> RenameAsync(RenameCollection command, CancellationToken ct)
    {
        SchemaRules.CheckName("collection", command.NewName);
        var (record, entry) = await context.RequireAsync(command.Database, command.Name, ct);
        var to = CatalogKeys.CollectionName(command.Database, command.NewName);
        var renamed = record with { Name = command.NewName, Schema = record.Schema with { Name = command.NewName }, UpdatedAt = await context.NowAsync(ct) };
        var result = await context.Meta.TransactAsync(
            [MetaCompare.IsAbsent(to), MetaCompare.IsAbsent(CatalogKeys.Alias(command.Database, command.NewName)), new MetaCompare.ModRevision(entry.Key, entry.ModRevision)],
            [
                new MetaOperation.Delete(CatalogKeys.CollectionName(command.Database, record.Name)),
                new MetaOperation.Put(to, CatalogCodec.Encode(record.Id.Value)),
                new MetaOperation.Put(entry.Key, CatalogCodec.Encode(renamed)),
            ],
            ct);
        return result.Succeeded
            ? result.Revision
            : throw MiniMilvusException.Conflict(ErrorReason.CollectionAlreadyExists, $"duplicated new collection name {command.NewName} in database {command.Database} with other collection name or alias");
    }

    private async ValueTask<long> AlterAsync(AlterCollection command, CancellationToken ct)
    {
        var (record, entry) = await context.RequireAsync(command.Database, command.Name, ct);
        var consistency = record.Consistency;
        if (command.Set.TryGetValue("consistency_level", out var level) && !Enum.TryParse(level, ignoreCase: true, out consistency))
        {
            throw MiniMilvusException.Invalid($"consistency_level: expected Strong, Session, Bounded or Eventually, found '{level}'");
        }

        var changed = record with { Properties = record.Properties.RemoveRange(command.Remove).SetItems(command.Set), Consistency = consistency };
        return await context.UpdateAsync(changed, entry, ct);
    }

    private async ValueTask<long> SetLoadedAsync(string database, string name, bool isLoaded, CancellationToken ct)
    {
        var (record, entry) = await context.RequireAsync(database, name, ct);
        if (isLoaded)
        {
            foreach (var field in record.Schema.VectorFields)
            {
                if (!record.Indexes.Any(i => i.Field == field.Id))
                {
                    throw MiniMilvusException.NotFound(ErrorReason.IndexNotFound, $"there is no vector index on field: [{field.Name}], please create index firstly[collection={record.Name}]");
                }
            }
        }

        return record.IsLoaded == isLoaded ? entry.ModRevision : await context.UpdateAsync(record with { IsLoaded = isLoaded }, entry, ct);
    }
}
