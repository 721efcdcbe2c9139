namespace MiniMilvus.Index.Hnsw;

/// <summary>How a graph is built. The names and bounds are Milvus's: M, efConstruction.</summary>
public sealed record HnswOptions
{
    /// <summary>Neighbours of a row on the upper levels, 2..2048; the ground level holds twice as many.</summary>
    public int M { get; init; } = 16;

    /// <summary>Width of the search for neighbours while building, 1..32768.</summary>
    public int EfConstruction { get; init; } = 200;

    /// <summary>Seed of the hash that gives each row its level. The same seed and rows give the same graph, byte for byte.</summary>
    public ulong Seed { get; init; } = 0x9E37_79B9_7F4A_7C15;

    /// <summary>Copies each row into one block beside the graph: faster over many small batches, at the price of the rows' memory.</summary>
    public bool CopyVectors { get; init; }

    internal void Check()
    {
        CheckRange(M, 2, 2048, nameof(M));
        CheckRange(EfConstruction, 1, 32768, nameof(EfConstruction));
    }

    private static void CheckRange(int value, int low, int high, string name)
    {
        if (value < low || value > high)
            throw new ArgumentOutOfRangeException(name, value, $"expected {low}..{high}");
    }
}
