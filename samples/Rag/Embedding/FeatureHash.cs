namespace MiniMilvus.Rag.Embedding;

/// <summary>
/// The hashing trick: a feature of any name falls into a bucket with a sign, so a vector has room for words that no training text held.
/// Stable across runs and machines (FNV-1a with a mixing step), unlike string.GetHashCode.
/// </summary>
internal static class FeatureHash
{
    public static ulong Hash(ReadOnlySpan<char> text, ulong seed)
    {
        var hash = 14695981039346656037UL ^ (seed * 0x9E3779B97F4A7C15UL);
        foreach (var c in text)
        {
            hash = (hash ^ c) * 1099511628211UL;
        }
        hash ^= hash >> 33;
        hash *= 0xFF51AFD7ED558CCDUL;
        hash ^= hash >> 33;
        hash *= 0xC4CEB9FE1A85EC53UL;
        return hash ^ (hash >> 33);
    }

    public static int Bucket(ulong hash, int buckets) => (int)((hash >> 1) % (ulong)buckets);

    public static float Sign(ulong hash) => (hash & 1) == 0 ? 1f : -1f;

    /// <summary>Character 3- and 4-grams of a word with its ends marked: what a misspelt or inflected word still shares.</summary>
    public static IEnumerable<ulong> Grams(string word)
    {
        var marked = $"<{word}>";
        for (var length = 3; length <= 4; length++)
        {
            for (var i = 0; i + length <= marked.Length; i++)
            {
                yield return Hash(marked.AsSpan(i, length), seed: 3);
            }
        }
    }
}
