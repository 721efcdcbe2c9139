using MiniMilvus.Rag.Answering;
using MiniMilvus.Rag.Documents;
using MiniMilvus.Rag.Embedding;

namespace MiniMilvus.Rag.Tests;

/// <summary>The shipped pages, cut, fitted and searched by an exact scan: what the sample does, without a server.</summary>
internal sealed class Corpus
{
    private readonly List<(Passage Passage, float[] Vector)> _passages = [];

    private Corpus(LsaModel model) => Model = model;

    public LsaModel Model { get; }

    public static async Task<Corpus> LoadAsync(LsaOptions? options = null)
    {
        var chunks = await ChunksAsync();
        var corpus = new Corpus(LsaTrainer.Fit([.. chunks.Select(c => c.Embedded)], options ?? new LsaOptions()));
        foreach (var chunk in chunks)
        {
            corpus.Add(chunk);
        }
        return corpus;
    }

    public static async Task<IReadOnlyList<Chunk>> ChunksAsync()
    {
        var roots = ShippedDocuments.Roots(null);
        var documents = await DocumentLoader.LoadAsync(roots, CancellationToken.None);
        var chunker = new Chunker(new ChunkerOptions());
        return [.. documents.SelectMany(chunker.Cut)];
    }

    public void Add(Chunk chunk) => _passages.Add((
        new Passage(chunk.Id, chunk.Path, chunk.Heading, chunk.LineStart, chunk.LineEnd, chunk.Text, false, 0),
        Model.Encode(chunk.Embedded)));

    public Task<IReadOnlyList<Passage>> SearchAsync(string question, int limit, CancellationToken ct)
    {
        var query = Model.Encode(question);
        IReadOnlyList<Passage> best = [.. _passages
            .Select(p => p.Passage with { Score = Dot(query, p.Vector) })
            .OrderByDescending(p => p.Score)
            .Take(limit)];
        return Task.FromResult(best);
    }

    private static float Dot(float[] a, float[] b)
    {
        float sum = 0;
        for (var i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
