using MiniMilvus.Client;

namespace MiniMilvus.Recovery;

/// <summary>What counting found. Unacknowledged rows may be there; missing, doubled or wrong ones may not.</summary>
internal sealed record RowCheck(long Found, long Missing, long Doubled, long Wrong, long Unacknowledged)
{
    public bool IsRight => Missing == 0 && Doubled == 0 && Wrong == 0;
}

/// <summary>The collection of the experiment: row n has the vector (n, n+1, ...) and the tag "row n", so a mixed-up row shows.</summary>
internal static class RowTable
{
    public const string Name = "recovery_sample";
    private const int Dimension = 128;
    private const int PageRows = 5_000;

    public static async Task CreateAsync(MilvusClient client, CancellationToken ct)
    {
        var table = await client.CreateCollectionAsync(
            Name,
            [FieldSchema.Create<long>("id", isPrimaryKey: true), FieldSchema.CreateVarchar("tag", 40), FieldSchema.CreateFloatVector("vector", Dimension)],
            cancellationToken: ct);
        await table.CreateIndexAsync("vector", IndexType.Hnsw, SimilarityMetricType.L2, cancellationToken: ct);
        await table.LoadAsync(cancellationToken: ct);
        await table.WaitForCollectionLoadAsync(timeout: TimeSpan.FromMinutes(1), cancellationToken: ct);
    }

    public static async Task<long[]> InsertAsync(MilvusCollection table, long first, int count, CancellationToken ct)
    {
        var ids = new long[count];
        var vectors = new float[count * Dimension];
        for (var i = 0; i < count; i++)
        {
            ids[i] = first + i;
            Vector(ids[i]).CopyTo(vectors.AsSpan(i * Dimension));
        }
        await table.InsertAsync(
            [FieldData.Create("id", ids), FieldData.CreateVarChar("tag", [.. ids.Select(Tag)]), FieldData.CreateFloatVector("vector", vectors, Dimension)],
            cancellationToken: ct);
        return ids;
    }

    public static async Task<int> SearchAnyAsync(MilvusCollection table, CancellationToken ct)
    {
        ReadOnlyMemory<float> first = Vector(1);
        var found = await table.SearchAsync("vector", [first], SimilarityMetricType.L2, limit: 1, new SearchParameters { ConsistencyLevel = ConsistencyLevel.Eventually }, ct);
        return found.Ids.Count;
    }

    /// <summary>Reads all rows, page by page, and holds them against the acknowledged ids.</summary>
    public static async Task<RowCheck> CheckAsync(MilvusCollection table, SortedSet<long> acked, CancellationToken ct)
    {
        var seen = new Dictionary<long, int>();
        long wrong = 0;
        var end = acked.Max + PageRows;
        for (long from = 1; from <= end; from += PageRows)
        {
            var page = await table.QueryAsync(
                $"id >= {from} and id < {from + PageRows}",
                new QueryParameters { OutputFields = { "id", "tag", "vector" }, Limit = 16_000, ConsistencyLevel = ConsistencyLevel.Strong },
                ct);
            var (ids, tags) = (page.Column<long>("id").Data, page.Column<string>("tag").Data);
            var vectors = page.OfType<FloatVectorFieldData>().Single();
            for (var i = 0; i < ids.Count; i++)
            {
                seen[ids[i]] = seen.GetValueOrDefault(ids[i]) + 1;
                wrong += tags[i] == Tag(ids[i]) && vectors[i].Span.SequenceEqual(Vector(ids[i])) ? 0 : 1;
            }
        }
        return new RowCheck(
            seen.Count, acked.Count(id => !seen.ContainsKey(id)), seen.Values.Count(times => times > 1), wrong, seen.Keys.Count(id => !acked.Contains(id)));
    }

    private static string Tag(long id) => $"row {id}";

    private static float[] Vector(long id)
    {
        var vector = new float[Dimension];
        for (var d = 0; d < Dimension; d++)
        {
            vector[d] = id + d;
        }
        return vector;
    }
}
