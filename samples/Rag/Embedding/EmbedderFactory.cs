using MiniMilvus.Rag.Documents;

namespace MiniMilvus.Rag.Embedding;

/// <summary>
/// Chooses the embedder: the endpoint that the options name, else the LSA model kept in the data folder, else a new one fitted to the documents.
/// A model stays until asked for another one, or until the documents have doubled or halved since it was fitted.
/// </summary>
internal static class EmbedderFactory
{
    private const double GrowthMax = 2.0;

    public static async Task<Embedder> OpenAsync(RagOptions options, IReadOnlyList<SourceDocument> documents, Chunker chunker, Action<string> say, CancellationToken ct)
    {
        if (options.EmbeddingsUrl is { } url)
        {
            return await Embedder.RemoteAsync(url, options.EmbeddingsModel, RagOptions.Key, ct);
        }
        var path = Path.Combine(options.DataFolder, $"{options.Collection}.lsa");
        var stored = options.Refit ? null : await LsaModelFile.LoadAsync(path, ct);
        var passages = documents.SelectMany(chunker.Cut).Select(c => c.Embedded).ToList();
        if (stored is not null && passages.Count <= stored.DocumentCount * GrowthMax && passages.Count * GrowthMax >= stored.DocumentCount)
        {
            return Embedder.Offline(stored);
        }
        if (passages.Count == 0)
        {
            throw new InvalidOperationException("There are no documents to fit a model to; name a folder with --documents.");
        }
        say(stored is null
            ? $"Fitting an LSA model to {passages.Count:N0} passages"
            : $"Fitting a new LSA model: {passages.Count:N0} passages now, {stored.DocumentCount:N0} when the stored one was fitted");
        var model = LsaTrainer.Fit(passages, new LsaOptions());
        await LsaModelFile.SaveAsync(model, path, ct);
        return Embedder.Offline(model);
    }
}
