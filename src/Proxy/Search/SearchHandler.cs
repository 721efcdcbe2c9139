using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;
using MiniMilvus.Proxy.Ddl;
using MiniMilvus.Proxy.Query;
using MiniMilvus.Proxy.Reading;

namespace MiniMilvus.Proxy.Search;

/// <summary>
/// Search: one vector field, one or many query vectors. Search iterators of version 2 are not offered: without a token in the answer clients
/// fall back to version 1, which is plain range searches.
/// </summary>
internal sealed class SearchHandler(Catalogue catalogue, Guarantee guarantee, Searcher searcher, ProxyOptions options)
{
    public async ValueTask<SearchResults> SearchAsync(string database, SearchRequest request, CancellationToken ct)
    {
        CheckSupported(request);
        var collection = await catalogue.CollectionAsync(database, request.CollectionName, ct);
        Retriever.CheckLoaded(collection);
        var plan = SearchPlan.Of(RequestParams.Of(request.SearchParams), collection, options);
        var queries = Placeholders.Read(request.PlaceholderGroup, plan.Field, options.QueriesMax);
        if (request.Nq != 0 && request.Nq != queries.Count)
        {
            throw MiniMilvusException.Invalid($"nq: expected {queries.Count}, the number of query vectors, found {request.Nq}");
        }

        var filter = FilterText.Parse(request.Dsl, collection.Schema, request.ExprTemplateValues);
        var output = OutputFields.Of(request.OutputFields, collection.Schema, withKey: false);
        var partitions = Catalogue.Partitions(collection, request.PartitionNames);
        var level = new ConsistencyRequest((ConsistencyLevel)request.ConsistencyLevel, request.GuaranteeTimestamp, request.UseDefaultConsistency);
        var timestamp = await guarantee.OfAsync(level, collection, ct);
        var result = await searcher.SearchAsync(collection, plan, queries, filter?.ToText() ?? "", output, partitions, timestamp, ct);
        return Searcher.Answer(collection, output, result, plan.Limit, plan.RoundDecimal);
    }

    /// <summary>Refuses what would otherwise be silently ignored.</summary>
    public static void CheckSupported(SearchRequest request)
    {
        var unsupported = request switch
        {
            { SearchInputCase: SearchRequest.SearchInputOneofCase.Ids } => "search by ids",
            { SubReqs.Count: > 0 } => "sub_reqs in Search (HybridSearch is there for them)",
            { FunctionScore: not null } => "function_score",
            { Highlighter: not null } => "highlighter",
            { SearchAggregation: not null } => "search_aggregation",
            { FunctionChains.Count: > 0 } => "function_chains",
            _ => null,
        };
        if (unsupported is not null)
        {
            throw MiniMilvusException.Invalid(ErrorReason.NotSupported, $"{unsupported} is not supported by this server");
        }
    }
}
