using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Query;
using MiniMilvus.Proxy.Errors;
using MiniMilvus.Proxy.Query;
using MiniMilvus.Proxy.Reading;

namespace MiniMilvus.Proxy.Ddl;

/// <summary>Load and release. A collection is loaded whole: loading some partitions loads all of them, releasing some is refused.</summary>
internal sealed class LoadHandler(Catalogue catalogue, IQueryRouter router)
{
    private const int Whole = 100;

    public async ValueTask<Status> LoadAsync(string database, string name, IEnumerable<string> partitions, CancellationToken ct)
    {
        var collection = await catalogue.FreshCollectionAsync(database, name, ct);
        Catalogue.Partitions(collection, partitions);
        var bare = collection.Schema.VectorFields.Where(f => collection.Indexes.All(i => i.Field != f.Id)).Select(f => f.Name).ToList();
        if (bare.Count > 0)
        {
            throw MiniMilvusException.NotFound(ErrorReason.IndexNotFound,
                $"there is no vector index on field: [{string.Join(' ', bare)}], please create index firstly: index not found[collection={name}]");
        }

        if (!collection.IsLoaded)
        {
            await catalogue.ExecuteAsync(new LoadCollection(database, collection.Name), ct);
        }

        return StatusMapper.Success();
    }

    public async ValueTask<Status> ReleaseAsync(string database, string name, CancellationToken ct)
    {
        var collection = await catalogue.FreshCollectionAsync(database, name, ct);
        if (collection.IsLoaded)
        {
            await catalogue.ExecuteAsync(new ReleaseCollection(database, collection.Name), ct);
        }

        return StatusMapper.Success();
    }

    public async ValueTask<Status> ReleasePartitionsAsync(string database, ReleasePartitionsRequest request, CancellationToken ct)
    {
        var collection = await catalogue.FreshCollectionAsync(database, request.CollectionName, ct);
        var named = Catalogue.Partitions(collection, request.PartitionNames);
        var all = Catalogue.PartitionsOf(collection).Count();
        return !collection.IsLoaded || named.Length == all
            ? await ReleaseAsync(database, request.CollectionName, ct)
            : throw MiniMilvusException.Invalid(ErrorReason.NotSupported, $"releasing {named.Length} of {all} partitions is not supported by this server; release the collection");
    }

    public async ValueTask<GetLoadingProgressResponse> ProgressAsync(string database, GetLoadingProgressRequest request, CancellationToken ct)
    {
        var collection = await catalogue.FreshCollectionAsync(database, request.CollectionName, ct);
        Catalogue.Partitions(collection, request.PartitionNames);
        Retriever.CheckLoaded(collection);
        var progress = await ProgressAsync(collection, ct);
        return new GetLoadingProgressResponse { Status = StatusMapper.Success(), Progress = progress, RefreshProgress = progress };
    }

    public async ValueTask<GetLoadStateResponse> StateAsync(string database, GetLoadStateRequest request, CancellationToken ct)
    {
        var snapshot = await catalogue.FreshAsync(ct);
        var answer = new GetLoadStateResponse { Status = StatusMapper.Success() };
        answer.State = Catalogue.Find(snapshot, database, request.CollectionName) switch
        {
            null => LoadState.NotExist,
            { IsLoaded: false } => LoadState.NotLoad,
            var collection => await ProgressAsync(collection, ct) >= Whole ? LoadState.Loaded : LoadState.Loading,
        };
        return answer;
    }

    /// <summary>As far as the slowest query node has come; 0 while some shard has none.</summary>
    private async ValueTask<int> ProgressAsync(CollectionRecord collection, CancellationToken ct)
    {
        var targets = router.For(collection);
        if (targets.Sum(t => t.Channels.Length) < collection.Channels.Length)
        {
            return 0;
        }

        var states = await Task.WhenAll(targets.Select(t => t.Node.GetLoadStatusAsync(collection.Id, ct).AsTask()));
        return states.Min((LoadStatus s) => s.ProgressPercent);
    }
}
