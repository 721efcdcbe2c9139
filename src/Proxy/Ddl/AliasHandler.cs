using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Proxy.Errors;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.Proxy.Ddl;

/// <summary>Aliases: second names of collections.</summary>
internal sealed class AliasHandler(Catalogue catalogue, SchemaValidator validator)
{
    public async ValueTask<Status> CreateAsync(string database, CreateAliasRequest request, CancellationToken ct)
    {
        validator.Name("alias", request.Alias);
        var snapshot = await catalogue.FreshAsync(ct);
        var collection = Catalogue.Require(snapshot, database, request.CollectionName);
        if (snapshot.Names.ContainsKey((database, request.Alias)))
        {
            throw MiniMilvusException.Conflict(ErrorReason.AliasNameConflict, $"collection name [{request.Alias}] conflicts with an existing alias or collection; choose another alias");
        }

        if (snapshot.Aliases.TryGetValue((database, request.Alias), out var existing))
        {
            return existing.Collection == collection.Id
                ? StatusMapper.Success()
                : throw MiniMilvusException.Conflict(ErrorReason.AliasAlreadyExists, $"{request.Alias} is alias to another collection: alias already exist[database={database}][alias={request.Alias}]");
        }

        await catalogue.ExecuteAsync(new CreateAlias(database, collection.Name, request.Alias), ct);
        return StatusMapper.Success();
    }

    public async ValueTask<Status> AlterAsync(string database, AlterAliasRequest request, CancellationToken ct)
    {
        var snapshot = await catalogue.FreshAsync(ct);
        var collection = Catalogue.Require(snapshot, database, request.CollectionName);
        Require(snapshot, database, request.Alias);
        await catalogue.ExecuteAsync(new AlterAlias(database, collection.Name, request.Alias), ct);
        return StatusMapper.Success();
    }

    public async ValueTask<Status> DropAsync(string database, DropAliasRequest request, CancellationToken ct)
    {
        var snapshot = await catalogue.FreshAsync(ct);
        if (snapshot.Aliases.ContainsKey((database, request.Alias)))
        {
            await catalogue.ExecuteAsync(new DropAlias(database, request.Alias), ct);
        }

        return StatusMapper.Success(); // as in Milvus: dropping what is not there is no error
    }

    public async ValueTask<DescribeAliasResponse> DescribeAsync(string database, DescribeAliasRequest request, CancellationToken ct)
    {
        var snapshot = await catalogue.FreshAsync(ct);
        var alias = Require(snapshot, database, request.Alias);
        return new DescribeAliasResponse
        {
            Status = StatusMapper.Success(),
            DbName = database,
            Alias = alias.Alias,
            Collection = snapshot.FindCollection(alias.Collection)?.Name ?? "",
        };
    }

    public async ValueTask<ListAliasesResponse> ListAsync(string database, ListAliasesRequest request, CancellationToken ct)
    {
        var snapshot = await catalogue.FreshAsync(ct);
        var answer = new ListAliasesResponse { Status = StatusMapper.Success(), DbName = database };
        if (request.CollectionName.Length > 0)
        {
            var collection = Catalogue.Require(snapshot, database, request.CollectionName);
            answer.CollectionName = collection.Name;
            answer.Aliases.AddRange(snapshot.AliasesOf(collection.Id).Select(a => a.Alias));
        }
        else
        {
            Catalogue.RequireDatabase(snapshot, database);
            answer.Aliases.AddRange(snapshot.Aliases.Values.Where(a => a.Database == database).Select(a => a.Alias).Order(StringComparer.Ordinal));
        }

        return answer;
    }

    private static AliasRecord Require(CatalogSnapshot snapshot, string database, string alias) =>
        snapshot.Aliases.TryGetValue((database, alias), out var record)
            ? record
            : throw MiniMilvusException.NotFound(ErrorReason.AliasNotFound, $"alias not found[database={database}][alias={alias}]");
}
