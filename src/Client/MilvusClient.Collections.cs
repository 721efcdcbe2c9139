using Google.Protobuf;
using MiniMilvus.Contracts.Wire.Milvus;

namespace MiniMilvus.Client;

/// <content>Collections, aliases and databases.</content>
public sealed partial class MilvusClient
{
    /// <summary>A handle on a collection or alias; nothing is asked of the server.</summary>
    public MilvusCollection GetCollection(string collectionName) => new(this, collectionName);

    /// <summary>Creates a collection with these fields.</summary>
    public Task<MilvusCollection> CreateCollectionAsync(
        string collectionName,
        IReadOnlyList<FieldSchema> fields,
        ConsistencyLevel consistencyLevel = ConsistencyLevel.Session,
        int shardsNum = 1,
        CancellationToken cancellationToken = default) =>
        CreateCollectionAsync(collectionName, new CollectionSchema { Fields = [.. fields] }, consistencyLevel, shardsNum, cancellationToken);

    /// <summary>Creates a collection with this schema.</summary>
    public async Task<MilvusCollection> CreateCollectionAsync(
        string collectionName,
        CollectionSchema schema,
        ConsistencyLevel consistencyLevel = ConsistencyLevel.Session,
        int shardsNum = 1,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(schema);
        var request = new CreateCollectionRequest
        {
            CollectionName = collectionName,
            Schema = schema.ToWire(collectionName).ToByteString(),
            ShardsNum = shardsNum,
            ConsistencyLevel = (Contracts.Wire.Common.ConsistencyLevel)consistencyLevel,
        };
        await CheckAsync(Service.CreateCollectionAsync(request, Options(cancellationToken)));
        return GetCollection(collectionName);
    }

    /// <summary>Whether there is a collection or alias of that name.</summary>
    public async Task<bool> HasCollectionAsync(string collectionName, CancellationToken cancellationToken = default)
    {
        var response = await Service.HasCollectionAsync(new HasCollectionRequest { CollectionName = collectionName }, Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        return response.Value;
    }

    /// <summary>Drops a collection with its rows.</summary>
    public async Task DropCollectionAsync(string collectionName, CancellationToken cancellationToken = default)
    {
        await CheckAsync(Service.DropCollectionAsync(new DropCollectionRequest { CollectionName = collectionName }, Options(cancellationToken)));
        _lastWrites.TryRemove(collectionName, out _);
    }

    /// <summary>The collections of the database.</summary>
    public async Task<IReadOnlyList<MilvusCollectionInfo>> ListCollectionsAsync(CancellationToken cancellationToken = default)
    {
        var response = await Service.ShowCollectionsAsync(new ShowCollectionsRequest(), Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        return [.. response.CollectionNames.Select((name, i) => new MilvusCollectionInfo(name, response.CollectionIds[i], response.CreatedTimestamps[i]))];
    }

    /// <summary>Gives a collection another name beside its own.</summary>
    public Task CreateAliasAsync(string collectionName, string alias, CancellationToken cancellationToken = default) =>
        CheckAsync(Service.CreateAliasAsync(new CreateAliasRequest { CollectionName = collectionName, Alias = alias }, Options(cancellationToken)));

    /// <summary>Moves an alias to a collection, in one step.</summary>
    public Task AlterAliasAsync(string collectionName, string alias, CancellationToken cancellationToken = default) =>
        CheckAsync(Service.AlterAliasAsync(new AlterAliasRequest { CollectionName = collectionName, Alias = alias }, Options(cancellationToken)));

    /// <summary>Removes an alias; the collection stays.</summary>
    public Task DropAliasAsync(string alias, CancellationToken cancellationToken = default) =>
        CheckAsync(Service.DropAliasAsync(new DropAliasRequest { Alias = alias }, Options(cancellationToken)));

    /// <summary>The name of the collection behind an alias. Error: code 1600, no such alias.</summary>
    public async Task<string> DescribeAliasAsync(string alias, CancellationToken cancellationToken = default)
    {
        var response = await Service.DescribeAliasAsync(new DescribeAliasRequest { Alias = alias }, Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        return response.Collection;
    }

    /// <summary>The aliases of a collection.</summary>
    public async Task<IReadOnlyList<string>> ListAliasesAsync(string collectionName, CancellationToken cancellationToken = default)
    {
        var response = await Service.ListAliasesAsync(new ListAliasesRequest { CollectionName = collectionName }, Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        return response.Aliases;
    }

    /// <summary>Creates a database.</summary>
    public Task CreateDatabaseAsync(string databaseName, CancellationToken cancellationToken = default) =>
        CheckAsync(Service.CreateDatabaseAsync(new CreateDatabaseRequest { DbName = databaseName }, Options(cancellationToken)));

    /// <summary>Drops a database, which must be empty.</summary>
    public Task DropDatabaseAsync(string databaseName, CancellationToken cancellationToken = default) =>
        CheckAsync(Service.DropDatabaseAsync(new DropDatabaseRequest { DbName = databaseName }, Options(cancellationToken)));

    /// <summary>The databases of the server.</summary>
    public async Task<IReadOnlyList<string>> ListDatabasesAsync(CancellationToken cancellationToken = default)
    {
        var response = await Service.ListDatabasesAsync(new ListDatabasesRequest(), Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        return response.DbNames;
    }
}
