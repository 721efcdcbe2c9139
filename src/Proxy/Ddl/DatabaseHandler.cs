using MiniMilvus.Contracts.Mapping;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Proxy.Errors;

namespace MiniMilvus.Proxy.Ddl;

/// <summary>Databases: namespaces of collections.</summary>
internal sealed class DatabaseHandler(Catalogue catalogue, SchemaValidator validator)
{
    public async ValueTask<Status> CreateAsync(CreateDatabaseRequest request, CancellationToken ct)
    {
        validator.Name("database", request.DbName);
        var snapshot = await catalogue.FreshAsync(ct);
        if (request.DbName == Catalogue.DefaultDatabase || snapshot.FindDatabase(request.DbName) is not null)
        {
            throw MiniMilvusException.Conflict(ErrorReason.DatabaseAlreadyExists, $"database already exist: {request.DbName}");
        }

        await catalogue.ExecuteAsync(new CreateDatabase(request.DbName, request.Properties.ToDictionary()), ct);
        return StatusMapper.Success();
    }

    public async ValueTask<Status> DropAsync(DropDatabaseRequest request, CancellationToken ct)
    {
        if (request.DbName == Catalogue.DefaultDatabase)
        {
            throw MiniMilvusException.Invalid("the default database cannot be dropped");
        }

        var snapshot = await catalogue.FreshAsync(ct);
        if (snapshot.FindDatabase(request.DbName) is null)
        {
            return StatusMapper.Success(); // as in Milvus
        }

        if (Catalogue.CollectionsOf(snapshot, request.DbName).FirstOrDefault() is { } collection)
        {
            throw MiniMilvusException.Invalid($"database '{request.DbName}' not empty: it has the collection '{collection.Name}'; drop its collections first");
        }

        await catalogue.ExecuteAsync(new DropDatabase(request.DbName), ct);
        return StatusMapper.Success();
    }

    public async ValueTask<ListDatabasesResponse> ListAsync(CancellationToken ct)
    {
        var snapshot = await catalogue.FreshAsync(ct);
        var answer = new ListDatabasesResponse { Status = StatusMapper.Success() };
        if (snapshot.FindDatabase(Catalogue.DefaultDatabase) is null)
        {
            answer.DbNames.Add(Catalogue.DefaultDatabase);
            answer.CreatedTimestamp.Add(0);
            answer.DbIds.Add(0);
        }

        foreach (var database in snapshot.Databases.Values.OrderBy(d => d.Name, StringComparer.Ordinal))
        {
            answer.DbNames.Add(database.Name);
            answer.CreatedTimestamp.Add(database.CreatedAt.Value);
            answer.DbIds.Add(database.Id);
        }

        return answer;
    }

    public async ValueTask<DescribeDatabaseResponse> DescribeAsync(string name, CancellationToken ct)
    {
        var snapshot = await catalogue.FreshAsync(ct);
        Catalogue.RequireDatabase(snapshot, name);
        var answer = new DescribeDatabaseResponse { Status = StatusMapper.Success(), DbName = name };
        if (snapshot.FindDatabase(name) is { } database)
        {
            answer.DbID = database.Id;
            answer.CreatedTimestamp = database.CreatedAt.Value;
            answer.Properties.AddPairs(database.Properties);
        }

        return answer;
    }
}
