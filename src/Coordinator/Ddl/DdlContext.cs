using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Coordinator.Ddl;

/// <summary>What every DDL step needs: linearizable look-ups, one compare-and-set write, and the logs of a collection's shards.</summary>
internal sealed class DdlContext(IMetaStore meta, IStreamingClient streaming, IIdAllocator ids, Func<CancellationToken, ValueTask<Timestamp>> now, CoordinatorOptions options, TimeProvider time)
{
    public const string DefaultDatabase = "default";

    public IMetaStore Meta => meta;

    public IIdAllocator Ids => ids;

    public CoordinatorOptions Options => options;

    public ValueTask<Timestamp> NowAsync(CancellationToken ct) => now(ct);

    public async ValueTask<MetaEntry> RequireDatabaseAsync(string database, CancellationToken ct) =>
        await meta.GetAsync(CatalogKeys.Database(database), ct)
            ?? throw MiniMilvusException.NotFound(ErrorReason.DatabaseNotFound, $"database '{database}' not found");

    /// <summary>The collection by its name, or by an alias when <paramref name="alias"/> is allowed; null when absent or not yet created.</summary>
    public async ValueTask<(CollectionRecord Record, MetaEntry Entry)?> FindAsync(string database, string name, bool alias, CancellationToken ct)
    {
        var named = await meta.GetAsync(CatalogKeys.CollectionName(database, name), ct);
        CollectionId? id = named is null ? null : new CollectionId(CatalogCodec.Number(named));
        if (id is null && alias && await meta.GetAsync(CatalogKeys.Alias(database, name), ct) is { } aliased)
        {
            id = CatalogCodec.Alias(aliased).Collection;
        }

        if (id is not { } found || await meta.GetAsync(CatalogKeys.Collection(found), ct) is not { } entry)
        {
            return null;
        }

        return (CatalogCodec.Collection(entry), entry);
    }

    public async ValueTask<(CollectionRecord Record, MetaEntry Entry)> RequireAsync(string database, string name, CancellationToken ct)
    {
        await RequireDatabaseAsync(database, ct);
        return await FindAsync(database, name, alias: true, ct) is { Record.State: DdlState.Created } found
            ? found
            : throw MiniMilvusException.NotFound(ErrorReason.CollectionNotFound, $"collection not found[database={database}][collection={name}]");
    }

    /// <summary>Changes a collection's record by compare-and-set; <see cref="CollectionRecord.UpdatedAt"/> moves with it.</summary>
    public async ValueTask<long> UpdateAsync(CollectionRecord changed, MetaEntry read, CancellationToken ct)
    {
        var result = await meta.TransactAsync(
            [new MetaCompare.ModRevision(read.Key, read.ModRevision)],
            [new MetaOperation.Put(read.Key, CatalogCodec.Encode(changed))],
            ct);
        return result.Succeeded
            ? result.Revision
            : throw MiniMilvusException.Unavailable($"collection '{changed.Name}' was changed by somebody else at the same time; try again");
    }

    /// <summary>Appends one message to the log of every shard. Idempotent for DDL: its consumers take a repeated message as said once (S11).</summary>
    public async ValueTask AppendToShardsAsync(CollectionRecord collection, MessageBody body, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(options.DdlTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        try
        {
            foreach (var channel in collection.Channels)
            {
                await streaming.AppendAsync(channel, [body], either.Token);
            }
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw MiniMilvusException.Unavailable($"collection '{collection.Name}': {body.Type} did not reach every shard within {options.DdlTimeout.TotalSeconds:0} s; it will be finished later", e);
        }
    }

    public static ImmutableArray<VChannel> PlaceShards(CollectionId collection, int shards, IReadOnlyList<PChannel> channels) =>
        [.. Enumerable.Range(0, shards).Select(i => VChannel.Of(channels[(int)((collection.Value + i) % channels.Count)], collection, i))];
}
