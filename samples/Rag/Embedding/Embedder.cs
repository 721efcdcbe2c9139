using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.AI;

namespace MiniMilvus.Rag.Embedding;

/// <summary>
/// A generator with what the rest must know of it: the dimension, the name of its vector space (two spaces never mix in one collection),
/// and how much a word weighs.
/// </summary>
internal sealed record Embedder(
    IEmbeddingGenerator<string, Embedding<float>> Generator, int Dimension, string ModelHash, string Description, ITermWeights Weights, bool IsOffline) : IDisposable
{
    public static Embedder Offline(LsaModel model) => new(
        new LsaEmbeddingGenerator(model), model.Options.Dimension, model.Hash,
        $"LSA, rank {model.Options.Rank}, {model.Terms.Length:N0} terms, fitted on {model.DocumentCount:N0} passages", model, IsOffline: true);

    /// <summary>Asks the endpoint once, to learn the dimension.</summary>
    public static async Task<Embedder> RemoteAsync(Uri address, string model, string? key, CancellationToken ct)
    {
        var generator = new HttpEmbeddingGenerator(HttpEmbeddingGenerator.CreateClient(key), address, model);
        var dimension = (await generator.GenerateAsync(["dimension"], cancellationToken: ct))[0].Vector.Length;
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{address}|{model}|{dimension}")));
        return new Embedder(generator, dimension, hash, $"{model} at {address}, {dimension} dimensions", new UniformTermWeights(), IsOffline: false);
    }

    public async Task<ReadOnlyMemory<float>> EmbedAsync(string text, CancellationToken ct) =>
        (await Generator.GenerateAsync([text], cancellationToken: ct))[0].Vector;

    public async Task<IReadOnlyList<ReadOnlyMemory<float>>> EmbedAsync(IEnumerable<string> texts, CancellationToken ct) =>
        [.. (await Generator.GenerateAsync(texts, cancellationToken: ct)).Select(e => e.Vector)];

    public void Dispose() => Generator.Dispose();
}
