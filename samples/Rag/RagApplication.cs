using System.Diagnostics;
using System.Globalization;
using MiniMilvus.Client;
using MiniMilvus.Rag.Answering;
using MiniMilvus.Rag.Documents;
using MiniMilvus.Rag.Embedding;
using MiniMilvus.Rag.Evaluation;
using MiniMilvus.Rag.Store;
using MiniMilvus.Rag.Terminal;

namespace MiniMilvus.Rag;

/// <summary>The sample from start to end: read documents, open the database, bring the store up to date, then answer, evaluate or talk.</summary>
internal sealed class RagApplication(RagOptions options, IScreen screen)
{
    private const double AimedAt = 0.8;

    private readonly Chunker _chunker = new(new ChunkerOptions());

    public async Task<int> RunAsync(CancellationToken ct)
    {
        screen.Title("MiniMilvus RAG");
        var roots = ShippedDocuments.Roots(ShippedDocuments.FindProjectFolder())
            .Concat(options.Documents.Select(folder => new DocumentRoot(Path.GetFileName(Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar)), Path.GetFullPath(folder), Recursive: true)))
            .ToList();
        var documents = await DocumentLoader.LoadAsync(roots, ct);
        await using var server = await ServerConnection.OpenAsync(options.Address, options.DataFolder, ct);
        screen.Info($"Server   {server.Address}, {server.Description}, version {await server.Client.GetVersionAsync(ct)}");
        using var embedder = await EmbedderFactory.OpenAsync(options, documents, _chunker, screen.Info, ct);
        screen.Info($"Model    {embedder.Description}, {embedder.ModelHash[..12]}");
        var store = await OpenStoreAsync(server.Client, embedder, documents, ct);
        var gate = ConfidenceGate.For(embedder, options.Threshold);
        var session = new RagSession(store, embedder, Answerer(gate, embedder), options.Passages);
        if (options.Evaluate || options.Calibrate)
        {
            return await EvaluateAsync(session, gate, $"{await store.CountAsync(ct):N0} passages of {documents.Count:N0} files", ct);
        }
        if (options.Ask is { } question)
        {
            var (answer, timing) = await session.AskAsync(question, ct);
            screen.Show(question, answer, timing);
            return 0;
        }
        using var outside = server.Connect();
        var view = new PassageStore(outside.GetCollection(options.Collection));
        // Opens the second connection now, so that the first note's time is not the time of connecting.
        await view.SearchAsync(new float[embedder.Dimension], 1, ct);
        await TalkAsync(session, new Notes(store, embedder), view, ct);
        return 0;
    }

    private async Task<PassageStore> OpenStoreAsync(MilvusClient client, Embedder embedder, IReadOnlyList<SourceDocument> documents, CancellationToken ct)
    {
        var versions = new CollectionVersions(client, options.Collection);
        var current = await versions.CurrentAsync(ct);
        var target = await versions.OpenAsync(embedder, ct);
        // Behind the alias once it is there: then reads and writes share one session.
        var filling = new PassageStore(current == target.Name ? client.GetCollection(options.Collection) : target);
        var sync = new DocumentSync(filling, embedder, _chunker);
        var plan = await sync.PlanAsync(documents, ct);
        var result = plan.ToWrite.Count + plan.ToRemove.Count == 0
            ? new SyncResult(0, 0, 0, plan.Unchanged)
            : await screen.ProgressAsync("Embedding and writing passages", plan.ToWrite.Sum(d => _chunker.Cut(d).Count), step => sync.ApplyAsync(plan, step, ct));
        if (current is not null && current != target.Name)
        {
            var old = client.GetCollection(current);
            await CollectionVersions.LoadAsync(old, ct);
            var copied = await new Notes(filling, embedder).CopyFromAsync(new PassageStore(old), ct);
            screen.Info($"Model changed: embedded everything again into {target.Name}, {copied} typed notes included; the alias moves from {current}");
        }
        await versions.SwitchToAsync(target.Name, ct);
        var store = new PassageStore(client.GetCollection(options.Collection));
        screen.Info($"Store    {await store.CountAsync(ct):N0} passages in {target.Name}: {result.FilesWritten} files written, {result.FilesRemoved} removed, {result.FilesUnchanged} unchanged");
        return store;
    }

    private IAnswerer Answerer(ConfidenceGate gate, Embedder embedder) => options.ChatUrl is { } url
        ? new ChatAnswerer(HttpEmbeddingGenerator.CreateClient(RagOptions.Key), url, options.ChatModel, gate)
        : new ExtractiveAnswerer(gate, embedder.Weights);

    private async Task<int> EvaluateAsync(RagSession session, ConfidenceGate gate, string corpus, CancellationToken ct)
    {
        var questions = await EvaluationSet.LoadAsync(options.Calibrate ? "calibration.json" : "questions.json", ct);
        var report = await new Evaluator(session.FindAsync, gate).RunAsync(questions, ct);
        screen.Show(report, corpus);
        if (options.Calibrate)
        {
            var (threshold, wrong) = Evaluator.Calibrate(report);
            screen.Info(string.Create(CultureInfo.InvariantCulture, $"Best threshold here: {threshold:F3}, {wrong} of {questions.Count} wrong; in use: {gate.Threshold:F3}"));
        }
        return report.HitAt5 >= AimedAt && report.MeanReciprocalRank >= AimedAt ? 0 : 1;
    }

    private async Task TalkAsync(RagSession session, Notes notes, PassageStore outside, CancellationToken ct)
    {
        screen.Info("Ask a question. '+ some sentence' adds a sentence, an empty line leaves.");
        while (screen.Prompt()?.Trim() is { Length: > 0 } line)
        {
            try
            {
                if (line.StartsWith('+'))
                {
                    if (line[1..].Trim() is { Length: > 0 } sentence)
                    {
                        screen.Show(await notes.AddAsync(sentence, outside, ct));
                    }
                    continue;
                }
                var (answer, timing) = await session.AskAsync(line, ct);
                screen.Show(line, answer, timing);
            }
            catch (Exception e) when (e is MilvusException or Grpc.Core.RpcException or HttpRequestException or TimeoutException)
            {
                // One failed question is told and does not end the talk.
                screen.Error(e.Message);
            }
        }
    }
}

/// <summary>Question in, answer out: embed, search the server, answer from what it returned.</summary>
internal sealed class RagSession(PassageStore store, Embedder embedder, IAnswerer answerer, int passageCount)
{
    public async Task<(Answer Answer, AnswerTiming Timing)> AskAsync(string question, CancellationToken ct)
    {
        var start = Stopwatch.GetTimestamp();
        var vector = await embedder.EmbedAsync(question, ct);
        var embedded = Stopwatch.GetTimestamp();
        var passages = await store.SearchAsync(vector, passageCount, ct);
        var timing = new AnswerTiming(Stopwatch.GetElapsedTime(start, embedded), Stopwatch.GetElapsedTime(embedded));
        return (await answerer.AnswerAsync(question, passages, ct), timing);
    }

    public async Task<IReadOnlyList<Passage>> FindAsync(string question, int limit, CancellationToken ct) =>
        await store.SearchAsync(await embedder.EmbedAsync(question, ct), limit, ct);
}
