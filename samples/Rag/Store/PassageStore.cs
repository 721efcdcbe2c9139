using MiniMilvus.Client;
using MiniMilvus.Rag.Answering;
using MiniMilvus.Rag.Documents;

namespace MiniMilvus.Rag.Store;

/// <summary>A passage to be written, with its vector.</summary>
internal sealed record EmbeddedChunk(Chunk Chunk, ReadOnlyMemory<float> Vector, bool IsNote);

/// <summary>
/// Passages in one collection (or behind an alias). Nothing is cached here: texts and vectors live in the server alone, and every read is Strong,
/// so what anyone has written is found by the next question.
/// </summary>
internal sealed class PassageStore(MilvusCollection collection)
{
    private const int QueryRowsMax = 16_384;
    private const int WriteRowsMax = 128;

    public string Name => collection.Name;

    public async Task<IReadOnlyList<Passage>> SearchAsync(
        ReadOnlyMemory<float> vector, int limit, CancellationToken ct, ConsistencyLevel level = ConsistencyLevel.Strong)
    {
        var parameters = new SearchParameters { ConsistencyLevel = level, ExtraParameters = { ["ef"] = "128" } };
        foreach (var field in PassageSchema.PassageFields)
        {
            parameters.OutputFields.Add(field);
        }
        var results = await collection.SearchAsync(PassageSchema.Vector, [vector], SimilarityMetricType.Ip, limit, parameters, ct);
        return results.Scores.Count == 0 ? [] : ReadPassages(results.FieldsData, results.Scores);
    }

    /// <summary>For each file in the store, the hashes of its versions there (more than one only after a crash during a replacement).</summary>
    public async Task<IReadOnlyDictionary<string, List<string>>> FilesAsync(CancellationToken ct)
    {
        var rows = await QueryAsync(
            $"{PassageSchema.Kind} == \"{PassageSchema.DocumentKind}\" and {PassageSchema.Ordinal} == 0", [PassageSchema.Path, PassageSchema.FileHash], ct);
        var files = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        var (paths, hashes) = (rows.Column<string>(PassageSchema.Path).Data, rows.Column<string>(PassageSchema.FileHash).Data);
        for (var i = 0; i < paths.Count; i++)
        {
            if (!files.TryGetValue(paths[i], out var versions))
            {
                files.Add(paths[i], versions = []);
            }
            versions.Add(hashes[i]);
        }
        return files;
    }

    public async Task<IReadOnlyList<Passage>> NotesAsync(CancellationToken ct)
    {
        var rows = await QueryAsync($"{PassageSchema.Kind} == \"{PassageSchema.NoteKind}\"", PassageSchema.PassageFields, ct);
        return ReadPassages(rows, scores: null);
    }

    public Task<long> CountAsync(CancellationToken ct) => collection.CountAsync(consistencyLevel: ConsistencyLevel.Strong, cancellationToken: ct);

    /// <summary>
    /// Writes the passages of one file. The first passage goes last, and only it makes the file count as stored: after a crash half a file is written again.
    /// Ids name file, version and place, so writing again replaces.
    /// </summary>
    public async Task<MutationResult> WriteAsync(IReadOnlyList<EmbeddedChunk> chunks, CancellationToken ct)
    {
        MutationResult? last = null;
        foreach (var batch in chunks.OrderByDescending(c => c.Chunk.Ordinal).Chunk(WriteRowsMax))
        {
            last = await collection.UpsertAsync(Columns(batch), cancellationToken: ct);
        }
        return last ?? throw new ArgumentException("Nothing to write.", nameof(chunks));
    }

    /// <summary>Removes a file, or all versions of it but one.</summary>
    public Task RemoveAsync(string path, string? keepHash, CancellationToken ct)
    {
        var filter = $"{PassageSchema.Kind} == \"{PassageSchema.DocumentKind}\" and {PassageSchema.Path} == {Filter.Quote(path)}";
        return collection.DeleteAsync(keepHash is null ? filter : $"{filter} and {PassageSchema.FileHash} != \"{keepHash}\"", cancellationToken: ct);
    }

    private async Task<IReadOnlyList<FieldData>> QueryAsync(string filter, IEnumerable<string> fields, CancellationToken ct)
    {
        var rows = await collection.QueryAsync(
            filter, new QueryParameters { OutputFields = [.. fields], Limit = QueryRowsMax, ConsistencyLevel = ConsistencyLevel.Strong }, ct);
        return rows.Count > 0 && rows[0].RowCount == QueryRowsMax
            ? throw new InvalidOperationException($"More than {QueryRowsMax} rows pass {filter}; this sample reads them in one query.")
            : rows;
    }

    private static FieldData[] Columns(EmbeddedChunk[] batch)
    {
        var chunks = batch.Select(b => b.Chunk).ToArray();
        return
        [
            FieldData.CreateVarChar(PassageSchema.Id, [.. chunks.Select(c => c.Id)]),
            FieldData.CreateVarChar(PassageSchema.Path, [.. chunks.Select(c => c.Path)]),
            FieldData.CreateVarChar(PassageSchema.FileHash, [.. chunks.Select(c => c.FileHash)]),
            FieldData.CreateVarChar(PassageSchema.Kind, [.. batch.Select(b => b.IsNote ? PassageSchema.NoteKind : PassageSchema.DocumentKind)]),
            FieldData.CreateVarChar(PassageSchema.Heading, [.. chunks.Select(c => c.Heading)]),
            FieldData.Create(PassageSchema.Ordinal, [.. chunks.Select(c => (long)c.Ordinal)]),
            FieldData.Create(PassageSchema.LineStart, [.. chunks.Select(c => (long)c.LineStart)]),
            FieldData.Create(PassageSchema.LineEnd, [.. chunks.Select(c => (long)c.LineEnd)]),
            FieldData.CreateVarChar(PassageSchema.Text, [.. chunks.Select(c => c.Text)]),
            FieldData.CreateFloatVector(PassageSchema.Vector, [.. batch.Select(b => b.Vector)]),
        ];
    }

    private static Passage[] ReadPassages(IReadOnlyList<FieldData> rows, IReadOnlyList<float>? scores)
    {
        var ids = Strings(PassageSchema.Id);
        var (paths, kinds, headings, texts) = (Strings(PassageSchema.Path), Strings(PassageSchema.Kind), Strings(PassageSchema.Heading), Strings(PassageSchema.Text));
        var (starts, ends) = (rows.Column<long>(PassageSchema.LineStart).Data, rows.Column<long>(PassageSchema.LineEnd).Data);
        return [.. Enumerable.Range(0, ids.Count).Select(i => new Passage(
            ids[i], paths[i], headings[i], (int)starts[i], (int)ends[i], texts[i], kinds[i] == PassageSchema.NoteKind, scores?[i] ?? 0))];

        IReadOnlyList<string> Strings(string name) => rows.Column<string>(name).Data;
    }
}
