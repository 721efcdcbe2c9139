using System.Diagnostics;
using MiniMilvus.Client;
using MiniMilvus.Rag.Documents;
using MiniMilvus.Rag.Embedding;

namespace MiniMilvus.Rag.Store;

/// <summary>How long a typed sentence took: to be acknowledged, and from then until another connection, which waits for nothing, found it.</summary>
internal sealed record NoteTiming(TimeSpan ToAck, TimeSpan AckToVisible, int Looks);

/// <summary>Sentences that the user types in. They are passages like all others, kept by the server and carried over to a new model's collection.</summary>
internal sealed class Notes(PassageStore store, Embedder embedder)
{
    public const string Path = "(typed in)";
    private static readonly TimeSpan VisibleTimeMax = TimeSpan.FromSeconds(30);

    public static Chunk ToChunk(string sentence) => new(Path, DocumentLoader.HashOf(sentence), "Note", 0, 1, 1, sentence);

    public async Task<NoteTiming> AddAsync(string sentence, PassageStore fromOutside, CancellationToken ct)
    {
        var chunk = ToChunk(sentence);
        var vector = await embedder.EmbedAsync(chunk.Text, ct);
        var start = Stopwatch.GetTimestamp();
        await store.WriteAsync([new EmbeddedChunk(chunk, vector, IsNote: true)], ct);
        var acked = Stopwatch.GetTimestamp();
        for (var looks = 1; ; looks++)
        {
            var found = await fromOutside.SearchAsync(vector, 3, ct, ConsistencyLevel.Eventually);
            var now = Stopwatch.GetTimestamp();
            if (found.Any(p => p.Id == chunk.Id))
            {
                return new NoteTiming(Stopwatch.GetElapsedTime(start, acked), Stopwatch.GetElapsedTime(acked, now), looks);
            }
            if (Stopwatch.GetElapsedTime(acked, now) > VisibleTimeMax)
            {
                throw new TimeoutException($"The sentence was acknowledged, but not found within {VisibleTimeMax}.");
            }
        }
    }

    /// <summary>Copies the notes of another store, embedded anew.</summary>
    public async Task<int> CopyFromAsync(PassageStore other, CancellationToken ct)
    {
        var notes = await other.NotesAsync(ct);
        foreach (var note in notes)
        {
            await store.WriteAsync([new EmbeddedChunk(ToChunk(note.Text), await embedder.EmbedAsync(note.Text, ct), IsNote: true)], ct);
        }
        return notes.Count;
    }
}
