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

    public static double Percentile(List<double> values, double share)
    {
        values.Sort();
        return values[Math.Min(values.Count - 1, (int)(share * values.Count))];
    }

    public static double Median(IEnumerable<double> values) => Percentile([.. values], 0.5);
}
