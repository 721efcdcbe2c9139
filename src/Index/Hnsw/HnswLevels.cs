namespace MiniMilvus.Index.Hnsw;

/// <summary>
/// The level of a row: geometric with factor 1/M (Malkov and Yashunin 2016, section 4), drawn from a hash of seed and row number,
/// so that every level is known before the first row arrives and the lists can be allocated once.
/// </summary>
internal static class HnswLevels
{
    public const int LevelMax = 30;

    public static byte[] Draw(int capacity, int m, ulong seed)
    {
        var levels = new byte[capacity];
        double scale = 1.0 / Math.Log(m);
        for (int row = 0; row < capacity; row++)
        {
            double uniform = ((Mix(seed + (ulong)row * 0x9E37_79B9_7F4A_7C15) >> 11) + 1) * (1.0 / (1UL << 53));
            levels[row] = (byte)Math.Min(LevelMax, (int)(-Math.Log(uniform) * scale));
        }

        return levels;
    }

    // The finaliser of SplitMix64.
    private static ulong Mix(ulong z)
    {
        z = (z ^ z >> 30) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ z >> 27) * 0x94D0_49BB_1331_11EB;
        return z ^ z >> 31;
    }
}
