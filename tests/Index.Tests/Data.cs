using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Tests;

/// <summary>Seeded rows of several shapes, and the naive answers that everything is compared with.</summary>
internal static class Data
{
    public static float[] Uniform(int seed, int rows, int dimension)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows * dimension).Select(_ => random.NextSingle() * 2 - 1)];
    }

    public static float[] Clustered(int seed, int rows, int dimension, int clusters = 50)
    {
        var random = new Random(seed);
        float[] centres = Uniform(7, clusters, dimension);
        var values = new float[rows * dimension];
        for (int row = 0; row < rows; row++)
        {
            int centre = random.Next(clusters);
            for (int i = 0; i < dimension; i++)
                values[row * dimension + i] = centres[centre * dimension + i] + 0.1f * (random.NextSingle() + random.NextSingle() - 1);
        }

        return values;
    }

    public static ContiguousVectors Flat(MetricType metric, int dimension, float[] values) => new(new VectorSpace(metric, dimension), values);

    /// <summary>The same rows in batches of 1 to 5, each an array of its own.</summary>
    public static VectorChunk Batches(MetricType metric, int dimension, float[] values, int seed = 3)
    {
        var random = new Random(seed);
        int rows = values.Length / dimension;
        var chunk = new VectorChunk(new VectorSpace(metric, dimension), rows);
        while (chunk.Count < rows)
        {
            int take = Math.Min(random.Next(1, 6), rows - chunk.Count);
            Assert.Equal(take, chunk.Append(values.AsSpan(chunk.Count * dimension, take * dimension).ToArray()));
        }

        return chunk;
    }

    public static Neighbor[] Naive(VectorSource source, ReadOnlySpan<float> query, int k, Func<int, bool>? allows = null)
    {
        float[] q = query.ToArray();
        return [.. Enumerable.Range(0, source.Count).Where(row => allows?.Invoke(row) ?? true)
            .Select(row => new Neighbor(row, source.Space.Distance(q, source.Row(row))))
            .OrderBy(n => n.Distance).ThenBy(n => n.Key).Take(k)];
    }

    public static double Recall(IReadOnlyList<Neighbor[]> found, IReadOnlyList<Neighbor[]> truth)
    {
        int hits = found.Zip(truth, (f, t) => f.Select(n => n.Key).Intersect(t.Select(n => n.Key)).Count()).Sum();
        return hits / (double)truth.Sum(t => t.Length);
    }
}
