using System.Globalization;
using Google.Protobuf;
using MiniMilvus.Contracts.Mapping;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Proxy.Errors;
using MiniMilvus.Storage.Catalog;
using ConsistencyLevel = MiniMilvus.Core.Schema.ConsistencyLevel;
using CoreSchema = MiniMilvus.Core.Schema.CollectionSchema;
using WireSchema = MiniMilvus.Contracts.Wire.Schema.CollectionSchema;

namespace MiniMilvus.Proxy.Ddl;

/// <summary>Collections: create, drop, describe, list, rename, alter.</summary>
internal sealed class CollectionHandler(Catalogue catalogue, SchemaValidator validator, ProxyOptions options)
{
    public async ValueTask<Status> CreateAsync(string database, CreateCollectionRequest request, CancellationToken ct)
    {
        var schema = Parse(request).ToCore(request.CollectionName);
        validator.Validate(schema);
        var shards = request.ShardsNum == 0 ? 1 : request.ShardsNum;
        if (shards < 1 || shards > options.ShardsMax)
        {
            throw MiniMilvusException.Invalid($"shards_num: expected 1 to {options.ShardsMax}, found {request.ShardsNum}");
        }

        if (!Enum.IsDefined(request.ConsistencyLevel))
        {
            throw MiniMilvusException.Invalid($"consistency_level: expected 0 to 4, found {(int)request.ConsistencyLevel}");
        }

        var snapshot = await catalogue.FreshAsync(ct);
        Catalogue.RequireDatabase(snapshot, database);
        if (IsThereAlready(snapshot, database, schema, shards))
        {
            return StatusMapper.Success();
        }

        try
        {
            await catalogue.ExecuteAsync(
                new CreateCollection(database, schema, shards, (ConsistencyLevel)request.ConsistencyLevel, request.Properties.ToDictionary()), ct);
        }
        catch (MiniMilvusException e) when (e.Reason == ErrorReason.CollectionAlreadyExists)
        {
            // Somebody created it in between: the same schema is as good as ours.
            if (!IsThereAlready(await catalogue.FreshAsync(ct), database, schema, shards))
            {
                throw;
            }
        }

        return StatusMapper.Success();
    }

    public async ValueTask<Status> DropAsync(string database, string name, CancellationToken ct)
    {
        var snapshot = await catalogue.FreshAsync(ct);
        Catalogue.RequireDatabase(snapshot, database);
        if (Catalogue.Find(snapshot, database, name) is not { } collection)
        {
            return StatusMapper.Success(); // as in Milvus: dropping what is not there is no error
        }

        if (collection.Name != name)
        {
            throw MiniMilvusException.Invalid($"cannot drop the collection via alias = {name}: expected its name '{collection.Name}'");
        }

        if (snapshot.AliasesOf(collection.Id) is { IsEmpty: false } aliases)
        {
            throw MiniMilvusException.Invalid($"collection '{name}' has aliases ({string.Join(", ", aliases.Select(a => a.Alias))}); drop them first");
        }

        await catalogue.ExecuteAsync(new DropCollection(database, name), ct);
        return StatusMapper.Success();
    }

    public async ValueTask<BoolResponse> HasAsync(string database, string name, CancellationToken ct) => new()
    {
        Status = StatusMapper.Success(),
        Value = Catalogue.Find(await catalogue.FreshAsync(ct), database, name) is not null,
    };

    public async ValueTask<DescribeCollectionResponse> DescribeAsync(string database, DescribeCollectionRequest request, CancellationToken ct)
    {
        var snapshot = await catalogue.FreshAsync(ct);
        var collection = request.CollectionName.Length > 0
            ? Catalogue.Require(snapshot, database, request.CollectionName)
            : snapshot.FindCollection(new Core.CollectionId(request.CollectionID)) is { State: DdlState.Created } found && found.Database == database
                ? found
                : throw MiniMilvusException.NotFound(ErrorReason.CollectionNotFound, $"can't find collection[database={database}][collection={request.CollectionID}]");
        var answer = new DescribeCollectionResponse
        {
            Status = StatusMapper.Success(),
            Schema = collection.Schema.ToWire(collection.Name),
            CollectionID = collection.Id.Value,
            CreatedTimestamp = collection.CreatedAt.Value,
            CreatedUtcTimestamp = (ulong)collection.CreatedAt.UnixMilliseconds,
            ShardsNum = collection.Channels.Length,
            ConsistencyLevel = (Contracts.Wire.Common.ConsistencyLevel)collection.Consistency,
            CollectionName = collection.Name,
            DbName = collection.Database,
            DbId = snapshot.FindDatabase(collection.Database)?.Id ?? 0,
            NumPartitions = Catalogue.PartitionsOf(collection).Count(),
            UpdateTimestamp = collection.UpdatedAt.Value,
            UpdateTimestampStr = collection.UpdatedAt.Value.ToString(CultureInfo.InvariantCulture),
        };
        answer.Schema.DbName = collection.Database;
        answer.VirtualChannelNames.AddRange(collection.Channels.Select(c => c.Name));
        answer.PhysicalChannelNames.AddRange(collection.Channels.Select(c => c.PChannel.Name));
        answer.Aliases.AddRange(snapshot.AliasesOf(collection.Id).Select(a => a.Alias));
        answer.Properties.AddPairs(collection.Properties);
        return answer;
    }

    /// <summary>The parallel arrays always have equal length: clients index them.</summary>
    public async ValueTask<ShowCollectionsResponse> ShowAsync(string database, ShowCollectionsRequest request, CancellationToken ct)
    {
        var snapshot = await catalogue.FreshAsync(ct);
        Catalogue.RequireDatabase(snapshot, database);
        var answer = new ShowCollectionsResponse { Status = StatusMapper.Success() };
        var wanted = request.CollectionNames.ToHashSet(StringComparer.Ordinal);
        foreach (var collection in Catalogue.CollectionsOf(snapshot, database))
        {
            if ((request.Type == ShowType.InMemory && !collection.IsLoaded) || (wanted.Count > 0 && !wanted.Contains(collection.Name)))
            {
                continue;
            }

            answer.CollectionNames.Add(collection.Name);
            answer.CollectionIds.Add(collection.Id.Value);
            answer.CreatedTimestamps.Add(collection.CreatedAt.Value);
            answer.CreatedUtcTimestamps.Add((ulong)collection.CreatedAt.UnixMilliseconds);
            answer.InMemoryPercentages.Add(collection.IsLoaded ? 100 : 0);
            answer.QueryServiceAvailable.Add(collection.IsLoaded);
            answer.ShardsNum.Add(collection.Channels.Length);
        }

        return answer;
    }

    public async ValueTask<Status> RenameAsync(string database, RenameCollectionRequest request, CancellationToken ct)
    {
        if (request.NewDBName.Length > 0 && request.NewDBName != database)
        {
            throw MiniMilvusException.Invalid(ErrorReason.NotSupported, $"renaming into another database ('{request.NewDBName}') is not supported by this server");
        }

        validator.Name("collection", request.NewName);
        var collection = await catalogue.FreshCollectionAsync(database, request.OldName, ct);
        await catalogue.ExecuteAsync(new RenameCollection(database, collection.Name, request.NewName), ct);
        return StatusMapper.Success();
    }

    public async ValueTask<Status> AlterAsync(string database, AlterCollectionRequest request, CancellationToken ct)
    {
        var collection = await catalogue.FreshCollectionAsync(database, request.CollectionName, ct);
        if (request.Properties.Count == 0 && request.DeleteKeys.Count == 0)
        {
            throw MiniMilvusException.Invalid("alter collection: expected properties to set or keys to delete, found neither");
        }

        await catalogue.ExecuteAsync(new AlterCollection(database, collection.Name, request.Properties.ToDictionary(), [.. request.DeleteKeys]), ct);
        return StatusMapper.Success();
    }

    private static WireSchema Parse(CreateCollectionRequest request)
    {
        try
        {
            return WireSchema.Parser.ParseFrom(request.Schema);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw MiniMilvusException.Invalid($"schema: {request.Schema.Length} bytes that are no CollectionSchema: {e.Message}");
        }
    }

    private static bool IsThereAlready(CatalogSnapshot snapshot, string database, CoreSchema schema, int shards)
    {
        if (Catalogue.Find(snapshot, database, schema.Name) is not { } existing)
        {
            return false;
        }

        return existing.Name == schema.Name && existing.Channels.Length == shards && IsSame(existing.Schema, schema)
            ? true
            : throw MiniMilvusException.Conflict(ErrorReason.CollectionAlreadyExists,
                $"create duplicate collection with different parameters, collection: {schema.Name}: expected {Describe(existing.Schema)} on {existing.Channels.Length} shards, found {Describe(schema)} on {shards}");
    }

    /// <summary>Ids and versions are the coordinator's, descriptions are only words: they do not count.</summary>
    private static bool IsSame(CoreSchema a, CoreSchema b)
    {
        if (a.EnableDynamicField != b.EnableDynamicField || a.Fields.Length != b.Fields.Length)
        {
            return false;
        }

        var empty = System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty;
        return a.Fields.Zip(b.Fields).All(pair =>
            pair.First with { Id = default, TypeParams = empty, Description = "" } == pair.Second with { Id = default, TypeParams = empty, Description = "" });
    }

    private static string Describe(CoreSchema schema) => string.Join(", ", schema.Fields.Select(f => f.Dim > 0 ? $"{f.Name} {f.Type}({f.Dim})" : $"{f.Name} {f.Type}"));
}
