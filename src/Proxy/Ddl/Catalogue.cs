using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.Proxy.Ddl;

/// <summary>
/// The proxy's way to the catalogue. Data requests read the cached picture and look again only when something is not there; DDL and
/// descriptions read linearizably. A command returns when this proxy's own picture shows it.
/// </summary>
internal sealed class Catalogue(ICoordinator coordinator, CatalogView view, ProxyOptions options, TimeProvider time)
{
    public const string DefaultDatabase = "default";

    public CatalogSnapshot Current => view.Current;

    /// <summary>Everything that was there when the call began.</summary>
    public ValueTask<CatalogSnapshot> FreshAsync(CancellationToken ct) => view.RefreshAsync(ct);

    /// <summary>By name or alias, from the cached picture, or from a fresh one when it is not there.</summary>
    public async ValueTask<CollectionRecord> CollectionAsync(string database, string name, CancellationToken ct) =>
        Find(view.Current, database, name) ?? await FreshCollectionAsync(database, name, ct);

    public async ValueTask<CollectionRecord> FreshCollectionAsync(string database, string name, CancellationToken ct) =>
        Require(await FreshAsync(ct), database, name);

    public static CollectionRecord Require(CatalogSnapshot snapshot, string database, string name)
    {
        if (name.Length == 0)
        {
            throw MiniMilvusException.Invalid("collection name: expected one, found an empty one");
        }

        RequireDatabase(snapshot, database);
        // Clients look for the words "can't find collection".
        return Find(snapshot, database, name)
            ?? throw MiniMilvusException.NotFound(ErrorReason.CollectionNotFound, $"can't find collection[database={database}][collection={name}]");
    }

    public static CollectionRecord? Find(CatalogSnapshot snapshot, string database, string name) =>
        snapshot.FindCollection(database, name) is { State: DdlState.Created } collection ? collection : null;

    public static void RequireDatabase(CatalogSnapshot snapshot, string database)
    {
        // The default database exists whether or not it has a record.
        if (database != DefaultDatabase && snapshot.FindDatabase(database) is null)
        {
            throw MiniMilvusException.NotFound(ErrorReason.DatabaseNotFound, $"database not found[database={database}]");
        }
    }

    public static IEnumerable<CollectionRecord> CollectionsOf(CatalogSnapshot snapshot, string database) =>
        snapshot.Collections.Values.Where(c => c.Database == database && c.State == DdlState.Created).OrderBy(c => c.Name, StringComparer.Ordinal);

    public static PartitionRecord Partition(CollectionRecord collection, string name) => collection.FindPartition(name)
        ?? throw MiniMilvusException.NotFound(ErrorReason.PartitionNotFound,
            $"partition not found[collection={collection.Name}][partition={name}]: expected one of {string.Join(", ", collection.Partitions.Select(p => p.Name))}");

    /// <summary>The partitions of these names; none = every partition.</summary>
    public static ImmutableArray<PartitionId> Partitions(CollectionRecord collection, IEnumerable<string> names) =>
        [.. names.Where(n => n.Length > 0).Select(n => Partition(collection, n).Id).Distinct()];

    public static IEnumerable<PartitionRecord> PartitionsOf(CollectionRecord collection) => collection.Partitions.Where(p => p.State == DdlState.Created);

    /// <summary>Carries a command out and waits until this proxy's picture shows it.</summary>
    public async ValueTask ExecuteAsync(DdlCommand command, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(options.DdlTimeout, time);
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        try
        {
            var revision = await coordinator.ExecuteAsync(command, bounded.Token);
            await view.WaitForRevisionAsync(revision, bounded.Token);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw MiniMilvusException.Unavailable($"{command.GetType().Name}: not done within {options.DdlTimeout}; whether it happened is unknown", e);
        }
    }
}
