using System.Collections.Immutable;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Proxy.Reading;

namespace MiniMilvus.Proxy.Search;

/// <summary>
/// Merges the hits of several query nodes: per query best first, each key once (Q5), ties in key order, then the window [offset, offset + limit).
/// </summary>
internal static class ResultReducer
{
    public static SearchResult Reduce(ImmutableArray<SearchResult> results, int queries, MetricType metric, int offset, int limit)
    {
        var sources = results.Select(r => new Source(r, queries)).ToArray();
        var picks = new List<RowPick>();
        var counts = ImmutableArray.CreateBuilder<int>(queries);
        var seen = new HashSet<PrimaryKey>();
        for (var query = 0; query < queries; query++)
        {
            seen.Clear();
            var before = picks.Count;
            for (var skip = offset; picks.Count - before < limit && Best(sources, query, metric) is { } pick;)
            {
                var source = sources[pick.Source];
                source.Next[query]++;
                if (!seen.Add(RowBatch.KeyOf(source.Result.Keys, pick.Row)))
                {
                    continue;
                }

                if (skip > 0)
                {
                    skip--;
                }
                else
                {
                    picks.Add(pick);
                }
            }

            counts.Add(picks.Count - before);
        }

        return new SearchResult(
            counts.MoveToImmutable(),
            ColumnGather.Pick([.. results.Select(r => r.Keys)], picks),
            [.. picks.Select(p => results[p.Source].Scores[p.Row])],
            Columns(results, picks),
            results.Aggregate(Timestamp.Max, (earliest, r) => r.Snapshot < earliest ? r.Snapshot : earliest),
            results.Aggregate(default(SearchCost), (sum, r) => sum + r.Cost));
    }

    /// <summary>The output columns of picked rows.</summary>
    public static ImmutableArray<Column> Columns(ImmutableArray<SearchResult> results, IReadOnlyList<RowPick> picks) =>
        [.. results[0].Columns.Select(c => ColumnGather.Pick([.. results.Select(r => r.Columns.First(other => other.Field == c.Field))], picks))];

    /// <summary>Whether <paramref name="a"/> ranks above <paramref name="b"/>: a smaller distance, a larger similarity.</summary>
    public static bool IsBetter(float a, float b, MetricType metric) => metric == MetricType.L2 ? a < b : a > b;

    private static RowPick? Best(Source[] sources, int query, MetricType metric)
    {
        RowPick? best = null;
        for (var i = 0; i < sources.Length; i++)
        {
            var row = sources[i].Next[query];
            if (row < sources[i].Ends[query] && (best is not { } other || Precedes(sources, new RowPick(i, row), other, metric)))
            {
                best = new RowPick(i, row);
            }
        }

        return best;
    }

    private static bool Precedes(Source[] sources, RowPick a, RowPick b, MetricType metric)
    {
        var (scoreA, scoreB) = (sources[a.Source].Result.Scores[a.Row], sources[b.Source].Result.Scores[b.Row]);
        return scoreA == scoreB
            ? RowBatch.KeyOf(sources[a.Source].Result.Keys, a.Row).CompareTo(RowBatch.KeyOf(sources[b.Source].Result.Keys, b.Row)) < 0
            : IsBetter(scoreA, scoreB, metric);
    }

    private sealed class Source
    {
        public Source(SearchResult result, int queries)
        {
            if (result.Counts.Length != queries || result.Keys.Count != result.Scores.Length || result.Counts.Sum() != result.Scores.Length)
            {
                throw MiniMilvusException.Internal($"query node: expected {queries} counts that add up to the hits, found {result.Counts.Length} counts, {result.Keys.Count} keys and {result.Scores.Length} scores");
            }

            Result = result;
            Next = new int[queries];
            Ends = new int[queries];
            var at = 0;
            for (var query = 0; query < queries; query++)
            {
                Next[query] = at;
                Ends[query] = at += result.Counts[query];
            }
        }

        public SearchResult Result { get; }
        public int[] Next { get; }
        public int[] Ends { get; }
    }
}
