using Microsoft.Extensions.AI;

namespace MiniMilvus.Rag.Embedding;

/// <summary>The offline embedder behind the common interface of Microsoft.Extensions.AI. Vectors have length 1.</summary>
internal sealed class LsaEmbeddingGenerator(LsaModel model) : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly EmbeddingGeneratorMetadata _metadata = new("MiniMilvus.Rag", defaultModelId: $"lsa-{model.Hash[..12]}", defaultModelDimensions: model.Options.Dimension);

    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var embeddings = new GeneratedEmbeddings<Embedding<float>>();
        foreach (var value in values)
        {
            cancellationToken.ThrowIfCancellationRequested();
            embeddings.Add(new Embedding<float>(model.Encode(value)) { ModelId = _metadata.DefaultModelId });
        }
        return Task.FromResult(embeddings);
    }

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceKey is not null ? null
        : serviceType == typeof(EmbeddingGeneratorMetadata) ? _metadata
        : serviceType.IsInstanceOfType(model) ? model
        : serviceType.IsInstanceOfType(this) ? this
        : null;

    public void Dispose()
    {
    }
}
