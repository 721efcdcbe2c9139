using MiniMilvus.Client;

namespace MiniMilvus.Benchmarks.Measuring;

/// <summary>What the benchmarks share: a fresh folder, a collection, percentiles.</summary>
internal static class Bench
{
    public const int Dim = 128;

    public static string NewFolder(string name) => Path.Combine(Path.GetTempPath(), $"minimilvus-bench-{name}-{Environment.ProcessId}");

    public static async Task<MilvusCollection> CollectionAsync(MilvusClient client, string name)
    {
        var collection = await client.CreateCollectionAsync(name,
        [
            FieldSchema.Create<long>("id", isPrimaryKey: true),
            FieldSchema.CreateFloatVector("vector", dimension: Dim),
        ]);
        await collection.CreateIndexAsync("vector", IndexType.Hnsw, SimilarityMetricType.L2);
        await collection.LoadAsync();
        await collection.WaitForCollectionLoadAsync();
        return collection;
    }

    public static FieldData[] Rows(long firstId, int count, float[] vectors) =>
    [
        FieldData.Create("id", Enumerable.Range(0, count).Select(i => firstId + i).ToArray()),
        FieldData.CreateFloatVector("vector", vectors, Dim),
    ];

    /// <summary>Inserts all rows with the ids 0, 1, … in batches, so many on their way.</summary>
    public static async Task FillAsync(MilvusCollection collection, float[] values, int batch, int inFlight)
    {
        var rows = values.Length / Dim;
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, inFlight).Select(async _ =>
        {
            for (var i = Interlocked.Increment(ref next); (long)i * batch < rows; i = Interlocked.Increment(ref next))
            {
                var (from, count) = (i * batch, Math.Min(batch, rows - (i * batch)));
                await collection.InsertAsync(Rows(from, count, values[(from * Dim)..((from + count) * Dim)]));
            }
        }));
    }

    public static double Percentile(List<double> values, double share)
    {
        values.Sort();
        return values[Math.Min(values.Count - 1, (int)(share * values.Count))];
    }

    public static double Median(IEnumerable<double> values) => Percentile([.. values], 0.5);
}
