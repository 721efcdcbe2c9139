using System.Collections.Concurrent;
using Grpc.Core;
using MiniMilvus.Client;

namespace MiniMilvus.EndToEnd;

/// <summary>
/// What a client knows of its own writes: acked rows must be there once, rows of a call without an answer at most once per attempt,
/// deleted ones never. Vectors follow from the key, so a search for a row's own vector must find it at distance 0.
/// </summary>
internal sealed class Ledger(string collection)
{
    public const int Dimension = 16;
    public const int BatchRows = 1_000;
    private readonly ConcurrentDictionary<long, byte> _acked = new();
    private readonly ConcurrentDictionary<long, byte> _unknown = new();
    private readonly ConcurrentDictionary<long, byte> _deleted = new();

    public string Collection => collection;

    public int Acked => _acked.Count;

    /// <summary>The connection broke, or a proxy that outlived its peers for a moment says that one does not answer: the outcome is unknown.</summary>
    public static bool IsNoAnswer(Exception e) => e is RpcException || e is MilvusException { IsRetriable: true };

    public static float[] VectorOf(long key)
    {
        var random = new Random((int)(key * 2_654_435_761 % int.MaxValue));
        return [.. Enumerable.Range(0, Dimension).Select(_ => (random.NextSingle() * 2) - 1)];
    }

    public async Task CreateAsync(MilvusClient client)
    {
        var created = await client.CreateCollectionAsync(
            collection, [FieldSchema.Create<long>("id", isPrimaryKey: true), FieldSchema.CreateFloatVector("vector", Dimension)]);
        await created.CreateIndexAsync("vector", IndexType.Hnsw, SimilarityMetricType.L2);
        await created.LoadAsync();
        await created.WaitForCollectionLoadAsync();
    }

    /// <summary>One attempt; false when the server did not answer it.</summary>
    public async Task<bool> InsertAsync(MilvusClient client, long first, int rows = BatchRows)
    {
        long[] keys = [.. Enumerable.Range(0, rows).Select(i => first + i)];
        try
        {
            await client.GetCollection(collection).InsertAsync(
            [
                FieldData.Create<long>("id", keys),
                FieldData.CreateFloatVector("vector", (float[])[.. keys.SelectMany(VectorOf)], Dimension),
            ]);
        }
        catch (Exception e) when (IsNoAnswer(e))
        {
            Mark(_unknown, keys);
            return false;
        }

        Mark(_acked, keys);
        return true;
    }

    public async Task DeleteAsync(MilvusClient client, IReadOnlyCollection<long> keys)
    {
        await client.GetCollection(collection).DeleteAsync($"id in [{string.Join(", ", keys)}]");
        Mark(_deleted, keys);
        foreach (var key in keys)
        {
            _acked.TryRemove(key, out _);
        }
    }

    /// <summary>Every key by query, in ranges, so that a row that is there twice shows twice.</summary>
    public async Task AssertByQueryAsync(MilvusClient client)
    {
        var found = new Dictionary<long, int>();
        var end = _acked.Keys.Concat(_unknown.Keys).Concat(_deleted.Keys).Max() + 1;
        const int Range = 10_000;
        for (long from = 0; from < end; from += Range)
        {
            var fields = await client.GetCollection(collection).QueryAsync(
                $"id >= {from} and id < {from + Range}", new QueryParameters { OutputFields = { "id" }, Limit = 16_384, ConsistencyLevel = ConsistencyLevel.Strong });
            foreach (var key in fields.Column<long>("id").Data)
            {
                found[key] = found.GetValueOrDefault(key) + 1;
            }
        }

        Report(_acked.Keys.Where(k => found.GetValueOrDefault(k) != 1).Select(k => $"acked {k}: found {found.GetValueOrDefault(k)} times"));
        Report(found.Where(f => f.Value > 1).Select(f => $"{f.Key}: found {f.Value} times"));
        Report(found.Keys.Where(_deleted.ContainsKey).Select(k => $"deleted {k} is back"));
        Report(found.Keys.Where(k => !_acked.ContainsKey(k) && !_unknown.ContainsKey(k)).Select(k => $"{k} was never sent"));
        Assert.Equal(found.Count, await client.GetCollection(collection).CountAsync("", ConsistencyLevel.Strong));
    }

    /// <summary>Rows by a search for their own vector: the key at distance 0, once. Every <paramref name="step"/>th acked row and every deleted one.</summary>
    public async Task AssertBySearchAsync(MilvusClient client, int step)
    {
        var keys = _acked.Keys.Order().Where((_, i) => i % step == 0).Concat(_deleted.Keys).ToArray();
        foreach (var batch in keys.Chunk(200))
        {
            var results = await client.GetCollection(collection).SearchAsync<float>(
                "vector", [.. batch.Select(k => (ReadOnlyMemory<float>)VectorOf(k))], SimilarityMetricType.L2, limit: 3,
                new SearchParameters { ConsistencyLevel = ConsistencyLevel.Strong, ExtraParameters = { ["ef"] = "64" } });
            var at = 0;
            for (var query = 0; query < batch.Length; query++)
            {
                var count = (int)results.Limits[query];
                var hits = Enumerable.Range(at, count).Count(i => results.Ids.LongIds![i] == batch[query]);
                var nearest = count > 0 ? $"{results.Ids.LongIds![at]} at {results.Scores[at]}" : "nothing";
                var expected = _deleted.ContainsKey(batch[query]) ? 0 : 1;
                Assert.True(hits == expected, $"{batch[query]}: {hits} hits for its own vector, expected {expected}; nearest is {nearest}");
                at += count;
            }
        }
    }

    private static void Mark(ConcurrentDictionary<long, byte> into, IEnumerable<long> keys)
    {
        foreach (var key in keys)
        {
            into[key] = 0;
        }
    }

    private static void Report(IEnumerable<string> wrong)
    {
        var list = wrong.ToList();
        Assert.True(list.Count == 0, $"{list.Count} rows are wrong:\n  {string.Join("\n  ", list.Take(20))}");
    }
}
