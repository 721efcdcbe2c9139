using System.Collections.Concurrent;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Query;
using MiniMilvus.Proxy.Reading;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.Host.Wiring;

/// <summary>Finds the query node by its session, when it runs in another process.</summary>
internal sealed class CatalogQueryRouter(CatalogView catalog, Func<string, IQueryNode> connect) : IQueryRouter
{
    private readonly ConcurrentDictionary<string, IQueryNode> _nodes = new();

    public IReadOnlyList<QueryTarget> For(CollectionRecord collection)
    {
        var session = catalog.Current.Sessions.Values.Where(s => s.Role == "querynode").OrderByDescending(s => s.NodeId).FirstOrDefault();
        return session is null ? [] : [new QueryTarget(_nodes.GetOrAdd(session.Address, connect), collection.Channels)];
    }
}
