using System.Collections.Immutable;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Proxy.Ddl;
using MiniMilvus.Proxy.Query;
using MiniMilvus.Proxy.Reading;
using SearchRequest = MiniMilvus.Contracts.Wire.Milvus.SearchRequest;

namespace MiniMilvus.Proxy.Search;

/// <summary>HybridSearch: several searches at one timestamp, their hits reranked here by key.</summary>
internal sealed class HybridSearchHandler(Catalogue catalogue, Guarantee guarantee, Searcher searcher, ProxyOptions options)
{
    public async ValueTask<SearchResults> SearchAsync(string database, HybridSearchRequest request, CancellationToken ct)
    {
        if (request.FunctionScore is not null || request.FunctionChains.Count > 0)
        {
            throw MiniMilvusException.Invalid(ErrorReason.NotSupported, "function_score and function_chains are not supported by this server; expected rank_params");
        }

        if (request.Requests.Count == 0 || request.Requests.Count > options.SubSearchesMax)
        {
            throw MiniMilvusException.Invalid($"hybrid search: expected 1 to {options.SubSearchesMax} searches, found {request.Requests.Count}");
        }

        var collection = await catalogue.CollectionAsync(database, request.CollectionName, ct);
        Retriever.CheckLoaded(collection);
        var parameters = RequestParams.Of(request.RankParams);
        var (limit, offset) = Window(parameters);
        var rounding = SearchPlan.Rounding(parameters);
        var reranker = Reranker.Of(parameters, request.Requests.Count);
        var output = OutputFields.Of(request.OutputFields, collection.Schema, withKey: false);
        var searches = request.Requests.Select(sub => Prepare(collection, sub)).ToImmutableArray();
        var queries = searches[0].Queries.Count;
        if (searches.Any(s => s.Queries.Count != queries))
        {
            throw MiniMilvusException.Invalid($"hybrid search: expected the same nq in every search, found {string.Join(", ", searches.Select(s => s.Queries.Count))}");
        }

        var level = new ConsistencyRequest((ConsistencyLevel)request.ConsistencyLevel, request.GuaranteeTimestamp, request.UseDefaultConsistency);
        var timestamp = await guarantee.OfAsync(level, collection, ct);
        var partitions = Catalogue.Partitions(collection, request.PartitionNames);
        var results = await Task.WhenAll(searches.Select(s => searcher.SearchAsync(collection, s.Plan, s.Queries, s.Filter, output, partitions, timestamp, ct).AsTask()));
        var ranked = Rank([.. results], searches, reranker, queries, offset, limit);
        return Searcher.Answer(collection, output, ranked, limit, rounding);
    }

    private PreparedSearch Prepare(CollectionRecord collection, SearchRequest sub)
    {
        SearchHandler.CheckSupported(sub);
        var plan = SearchPlan.Of(RequestParams.Of(sub.SearchParams), collection, options);
        var filter = FilterText.Parse(sub.Dsl, collection.Schema, sub.ExprTemplateValues);
        return new PreparedSearch(plan, Placeholders.Read(sub.PlaceholderGroup, plan.Field, options.QueriesMax), filter?.ToText() ?? "");
    }

    private (int Limit, int Offset) Window(RequestParams parameters)
    {
        var limit = parameters.Integer("limit") ?? throw MiniMilvusException.Invalid("rank_params limit: expected a number of results, found none");
        var offset = parameters.Integer("offset") ?? 0;
        return limit >= 1 && offset >= 0 && limit + offset <= options.ResultWindowMax
            ? ((int)limit, (int)offset)
            : throw MiniMilvusException.Invalid($"limit + offset: expected 1 to {options.ResultWindowMax}, found limit {limit} and offset {offset}");
    }

    private static SearchResult Rank(ImmutableArray<SearchResult> results, ImmutableArray<PreparedSearch> searches, Reranker reranker, int queries, int offset, int limit)
    {
        var at = new int[results.Length];
        var picks = new List<RowPick>();
        var scores = ImmutableArray.CreateBuilder<float>();
        var counts = ImmutableArray.CreateBuilder<int>(queries);
        for (var query = 0; query < queries; query++)
        {
            var shares = new Dictionary<PrimaryKey, (double Score, RowPick Pick)>();
            for (var search = 0; search < results.Length; search++)
            {
                var result = results[search];
                for (var rank = 1; rank <= result.Counts[query]; rank++)
                {
                    var row = at[search]++;
                    var key = RowBatch.KeyOf(result.Keys, row);
                    var share = reranker.Share(search, rank, result.Scores[row], searches[search].Plan.Metric);
                    shares[key] = shares.TryGetValue(key, out var sum) ? (sum.Score + share, sum.Pick) : (share, new RowPick(search, row));
                }
            }

            var window = shares.OrderByDescending(s => s.Value.Score).ThenBy(s => s.Key).Skip(offset).Take(limit).Select(s => s.Value).ToList();
            picks.AddRange(window.Select(w => w.Pick));
            scores.AddRange(window.Select(w => (float)w.Score));
            counts.Add(window.Count);
        }

        return new SearchResult(
            counts.MoveToImmutable(),
            ColumnGather.Pick([.. results.Select(r => r.Keys)], picks),
            scores.ToImmutable(),
            ResultReducer.Columns(results, picks),
            results.Aggregate(Timestamp.Max, (earliest, r) => r.Snapshot < earliest ? r.Snapshot : earliest),
            default);
    }

    private sealed record PreparedSearch(SearchPlan Plan, QueryVectors Queries, string Filter);
}
