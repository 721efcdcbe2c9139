using MiniMilvus.Client;
using MiniMilvus.Rag.Embedding;

namespace MiniMilvus.Rag.Store;

/// <summary>
/// One collection for each embedding model, and an alias on the one in use. A new model fills a collection of its own while the old one still answers;
/// then the alias moves in one step and the old collection is dropped. A crash on the way leaves the alias on a complete collection, and the next start goes on.
/// </summary>
internal sealed class CollectionVersions(MilvusClient client, string alias)
{
    private const int AliasNotFound = 1600;
    private const int CollectionNotFound = 100;
    private static readonly TimeSpan LoadTime = TimeSpan.FromMinutes(2);

    /// <summary>The collection behind the alias, or null at the very first start.</summary>
    public async Task<string?> CurrentAsync(CancellationToken ct)
    {
        try
        {
            return await client.DescribeAliasAsync(alias, ct);
        }
        catch (MilvusException e) when (e.ErrorCode is AliasNotFound or CollectionNotFound)
        {
            return null;
        }
    }

    /// <summary>The collection for this model, made if need be, loaded either way.</summary>
    public async Task<MilvusCollection> OpenAsync(Embedder embedder, CancellationToken ct)
    {
        var name = PassageSchema.CollectionName(alias, embedder.ModelHash);
        var collection = client.GetCollection(name);
        if (!await client.HasCollectionAsync(name, ct))
        {
            await client.CreateCollectionAsync(name, PassageSchema.For(embedder.Dimension, embedder.ModelHash), ConsistencyLevel.Strong, cancellationToken: ct);
        }
        var described = await collection.DescribeAsync(ct);
        if (PassageSchema.ModelHashOf(described.Schema.Description) != embedder.ModelHash)
        {
            throw new InvalidOperationException($"Collection {name} carries vectors of another model ({described.Schema.Description}).");
        }
        await EnsureIndexAsync(collection, ct);
        await LoadAsync(collection, ct);
        return collection;
    }

    /// <summary>Loads a collection and waits; a server that was restarted may not have it in memory.</summary>
    public static async Task LoadAsync(MilvusCollection collection, CancellationToken ct)
    {
        await collection.LoadAsync(cancellationToken: ct);
        await collection.WaitForCollectionLoadAsync(timeout: LoadTime, cancellationToken: ct);
    }

    /// <summary>Moves the alias to a collection and drops the versions that it replaces.</summary>
    public async Task SwitchToAsync(string collection, CancellationToken ct)
    {
        var current = await CurrentAsync(ct);
        if (current is null)
        {
            await client.CreateAliasAsync(collection, alias, ct);
        }
        else if (current != collection)
        {
            await client.AlterAliasAsync(collection, alias, ct);
        }
        foreach (var info in await client.ListCollectionsAsync(ct))
        {
            if (info.Name != collection && PassageSchema.IsVersionOf(alias, info.Name))
            {
                await client.DropCollectionAsync(info.Name, ct);
            }
        }
    }

    private static async Task EnsureIndexAsync(MilvusCollection collection, CancellationToken ct)
    {
        const int indexNotFound = 700;
        try
        {
            if ((await collection.DescribeIndexAsync(PassageSchema.Vector, cancellationToken: ct)).Count > 0)
            {
                return;
            }
        }
        catch (MilvusException e) when (e.ErrorCode == indexNotFound)
        {
            // Made below: a crash may have come between the collection and its index.
        }
        await collection.CreateIndexAsync(
            PassageSchema.Vector, IndexType.Hnsw, SimilarityMetricType.Ip,
            extraParams: new Dictionary<string, string>(StringComparer.Ordinal) { ["M"] = "16", ["efConstruction"] = "200" }, cancellationToken: ct);
    }
}
