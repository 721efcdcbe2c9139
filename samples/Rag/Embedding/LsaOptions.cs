namespace MiniMilvus.Rag.Embedding;

/// <summary>
/// The shape of an embedding. It has three blocks, each of length 1 and then weighted, so that the inner product of two embeddings is
/// the weighted mean of three cosines: meaning (LSA), words (hashed), and spelling (hashed character n-grams).
/// The hashed blocks give a place to words that the model was never fitted on.
/// </summary>
internal sealed record LsaOptions
{
    public int Rank { get; init; } = 96;
    public int WordBuckets { get; init; } = 672;
    public int GramBuckets { get; init; } = 256;
    /// <summary>Buckets of the n-gram features that go into the SVD beside the words.</summary>
    public int FittedGramBuckets { get; init; } = 2048;
    public float FittedGramWeight { get; init; } = 0.3f;
    public float MeaningWeight { get; init; } = 0.25f;
    public float WordWeight { get; init; } = 0.6f;
    public float GramWeight { get; init; } = 0.15f;
    public int VocabularyMax { get; init; } = 50_000;

    public int Dimension => Rank + WordBuckets + GramBuckets;
}
