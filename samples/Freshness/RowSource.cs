namespace MiniMilvus.Freshness;

/// <summary>Rows with rising ids and random vectors from a seed. Shared by the load and the probes, so ids never meet.</summary>
internal sealed class RowSource(int seed)
{
    public const int Dimension = 128;

    private readonly Random _random = new(seed);
    private readonly Lock _lock = new();
    private long _nextId = 1;

    public (long[] Ids, float[] Vectors) Take(int count)
    {
        lock (_lock)
        {
            var ids = new long[count];
            var vectors = new float[count * Dimension];
            for (var i = 0; i < count; i++)
            {
                ids[i] = _nextId++;
            }
            for (var i = 0; i < vectors.Length; i++)
            {
                vectors[i] = _random.NextSingle();
            }
            return (ids, vectors);
        }
    }
}
