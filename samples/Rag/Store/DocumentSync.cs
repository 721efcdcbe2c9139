using MiniMilvus.Rag.Documents;
using MiniMilvus.Rag.Embedding;

namespace MiniMilvus.Rag.Store;

/// <summary>What has to be done so that the store holds the documents as they are now.</summary>
internal sealed record SyncPlan(IReadOnlyList<SourceDocument> ToWrite, IReadOnlyList<(string Path, string? KeepHash)> ToRemove, int Unchanged)
{
    public static SyncPlan Make(IReadOnlyList<SourceDocument> documents, IReadOnlyDictionary<string, List<string>> stored)
    {
        var write = new List<SourceDocument>();
        var remove = new List<(string, string?)>();
        var paths = new HashSet<string>(StringComparer.Ordinal);
        foreach (var document in documents)
        {
            paths.Add(document.Path);
            var versions = stored.GetValueOrDefault(document.Path) ?? [];
            if (!versions.Contains(document.Hash))
            {
                write.Add(document);
            }
            if (versions.Any(v => v != document.Hash))
            {
                remove.Add((document.Path, document.Hash));
            }
        }
        remove.AddRange(stored.Keys.Where(p => !paths.Contains(p)).Order(StringComparer.Ordinal).Select(p => (p, (string?)null)));
        return new SyncPlan(write, remove, documents.Count - write.Count);
    }
}

/// <summary>What a synchronisation did.</summary>
internal sealed record SyncResult(int FilesWritten, int PassagesWritten, int FilesRemoved, int FilesUnchanged);

/// <summary>Brings a store to the state of the documents: changed files by hash, new versions before the old ones go.</summary>
internal sealed class DocumentSync(PassageStore store, Embedder embedder, Chunker chunker)
{
    public async Task<SyncPlan> PlanAsync(IReadOnlyList<SourceDocument> documents, CancellationToken ct) =>
        SyncPlan.Make(documents, await store.FilesAsync(ct));

    public async Task<SyncResult> ApplyAsync(SyncPlan plan, Action<int> written, CancellationToken ct)
    {
        var passages = 0;
        foreach (var document in plan.ToWrite)
        {
            var chunks = chunker.Cut(document);
            if (chunks.Count > 0)
            {
                var vectors = await embedder.EmbedAsync(chunks.Select(c => c.Embedded), ct);
                await store.WriteAsync([.. chunks.Select((c, i) => new EmbeddedChunk(c, vectors[i], IsNote: false))], ct);
            }
            passages += chunks.Count;
            written(chunks.Count);
        }
        foreach (var (path, keep) in plan.ToRemove)
        {
            await store.RemoveAsync(path, keep, ct);
        }
        return new SyncResult(plan.ToWrite.Count, passages, plan.ToRemove.Count(r => r.KeepHash is null), plan.Unchanged);
    }
}
