using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Query;

namespace MiniMilvus.Proxy.Reading;

/// <summary>A query node and the shards that it answers for.</summary>
public sealed record QueryTarget(IQueryNode Node, ImmutableArray<VChannel> Channels);

/// <summary>Which query nodes serve a collection. Together the targets cover every shard, each exactly once; no target = nobody serves it now.</summary>
public interface IQueryRouter
{
    IReadOnlyList<QueryTarget> For(CollectionRecord collection);
}

/// <summary>One query node that serves every shard of every collection.</summary>
public sealed class SingleQueryNode(IQueryNode node) : IQueryRouter
{
    public IReadOnlyList<QueryTarget> For(CollectionRecord collection) => [new QueryTarget(node, collection.Channels)];
}
