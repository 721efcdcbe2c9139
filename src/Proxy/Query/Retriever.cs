using System.Collections.Immutable;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Time;
using MiniMilvus.Proxy.Reading;

namespace MiniMilvus.Proxy.Query;

/// <summary>Reads rows by filter from every shard and merges them in primary-key order, each key once.</summary>
internal sealed class Retriever(GuaranteedReader reader)
{
    public static void CheckLoaded(CollectionRecord collection)
    {
        if (!collection.IsLoaded)
        {
            throw MiniMilvusException.Invalid(ErrorReason.CollectionNotLoaded, $"collection not loaded[collection={collection.Name}]; load it first");
        }
    }

    /// <param name="request">Its channels are replaced by those of each query node. The primary key must be among its output fields, unless it only counts.</param>
    public async ValueTask<RetrieveResult> RetrieveAsync(CollectionRecord collection, RetrieveRequest request, CancellationToken ct)
    {
        // With several nodes the offset can be taken only after merging.
        var isSplit = false;
        var results = await reader.ReadAsync(collection, request.Guarantee, (target, token) =>
        {
            var isWhole = target.Channels.Length == collection.Channels.Length;
            isSplit |= !isWhole;
            return target.Node.RetrieveAsync(request with
            {
                Channels = target.Channels,
                Offset = isWhole ? request.Offset : 0,
                Limit = isWhole ? request.Limit : request.Limit + request.Offset,
            }, token);
        }, ct);
        if (request.CountOnly)
        {
            return new RetrieveResult([], results.Sum(r => r.Count), Earliest(results));
        }

        return isSplit ? Merge(collection, request, results) : results[0];
    }

    private static RetrieveResult Merge(CollectionRecord collection, RetrieveRequest request, ImmutableArray<RetrieveResult> results)
    {
        var keyField = collection.Schema.PrimaryKey.Id;
        var keys = results.Select(r => r.Columns.First(c => c.Field == keyField)).ToArray();
        var next = new int[results.Length];
        var picks = new List<RowPick>();
        var skip = request.Offset;
        while (request.Limit is not { } limit || picks.Count < limit)
        {
            var best = -1;
            PrimaryKey bestKey = default;
            for (var source = 0; source < keys.Length; source++)
            {
                if (next[source] < keys[source].Count && RowBatch.KeyOf(keys[source], next[source]) is var key && (best < 0 || key.CompareTo(bestKey) < 0))
                {
                    (best, bestKey) = (source, key);
                }
            }

            if (best < 0)
            {
                break;
            }

            var pick = new RowPick(best, next[best]++);
            if (skip > 0)
            {
                skip--;
            }
            else
            {
                picks.Add(pick);
            }
        }

        var columns = request.OutputFields.Select(field => ColumnGather.Pick([.. results.Select(r => r.Columns.First(c => c.Field == field))], picks));
        return new RetrieveResult([.. columns], picks.Count, Earliest(results));
    }

    private static Timestamp Earliest(ImmutableArray<RetrieveResult> results) =>
        results.Aggregate(Timestamp.Max, (earliest, r) => r.Snapshot < earliest ? r.Snapshot : earliest);
}
