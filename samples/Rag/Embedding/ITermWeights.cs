namespace MiniMilvus.Rag.Embedding;

/// <summary>How much a word tells about the topic of a text: rare words much, common words little.</summary>
internal interface ITermWeights
{
    float WeightOf(string stem);
}

/// <summary>Every word counts the same: for embeddings from elsewhere, which bring no word statistics.</summary>
internal sealed class UniformTermWeights : ITermWeights
{
    public float WeightOf(string stem) => 1;
}
