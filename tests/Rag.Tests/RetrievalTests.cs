using MiniMilvus.Rag.Answering;
using MiniMilvus.Rag.Documents;
using MiniMilvus.Rag.Embedding;
using MiniMilvus.Rag.Evaluation;
using Xunit.Abstractions;

namespace MiniMilvus.Rag.Tests;

public sealed class RetrievalTests(ITestOutputHelper output)
{
    private static ConfidenceGate Gate(LsaModel model) => new(model, useCoverage: true, ConfidenceGate.OfflineThreshold);

    [Fact]
    public async Task The_shipped_questions_find_their_passages()
    {
        var corpus = await Corpus.LoadAsync();
        var report = await new Evaluator(corpus.SearchAsync, Gate(corpus.Model)).RunAsync(await EvaluationSet.LoadAsync("questions.json", default), default);
        Write(report);
        Assert.Equal((30, 10), (report.Answerable.Count, report.Unanswerable.Count));
        Assert.True(report.HitAt5 >= 0.9, $"hit@5 = {report.HitAt5:F3}");
        Assert.True(report.MeanReciprocalRank >= 0.8, $"MRR = {report.MeanReciprocalRank:F3}");
        Assert.True(report.WronglyAnswered <= 1, $"{report.WronglyAnswered} unanswerable questions were answered");
        Assert.True(report.WronglyRefused <= 4, $"{report.WronglyRefused} answerable questions were refused");
    }

    [Fact]
    public async Task The_threshold_in_the_code_is_the_one_that_calibration_finds()
    {
        var corpus = await Corpus.LoadAsync();
        var report = await new Evaluator(corpus.SearchAsync, Gate(corpus.Model)).RunAsync(await EvaluationSet.LoadAsync("calibration.json", default), default);
        Write(report);
        var (threshold, wrong) = Evaluator.Calibrate(report);
        output.WriteLine($"threshold {threshold:F3}, {wrong} wrong");
        var wrongInUse = report.Results.Count(r => r.Question.IsAnswerable != r.Answered);
        Assert.True(wrongInUse <= wrong + 1, $"{wrongInUse} wrong at {ConfidenceGate.OfflineThreshold}, {wrong} at {threshold:F3}");
    }

    [Fact]
    public async Task An_invented_word_is_found_by_the_very_next_question()
    {
        var corpus = await Corpus.LoadAsync();
        const string sentence = "The frobnicator of Zwyndor hums at forty-two quargles.";
        corpus.Add(new Chunk("note", DocumentLoader.HashOf(sentence), "Note", 0, 1, 1, sentence));

        foreach (var question in new[] { "How loud does the frobnicator hum?", "What do you know about Zwyndor?", "frobnicators", "how many quargle" })
        {
            var found = await corpus.SearchAsync(question, 1, default);
            Assert.True(sentence == found[0].Text, $"{question} found {found[0].Score}: {found[0].Text}");
            Assert.True(Gate(corpus.Model).Confidence(question, found) >= ConfidenceGate.OfflineThreshold, question);
        }
    }

    [Fact]
    public async Task A_misspelt_word_is_found_by_the_letters_it_shares()
    {
        var corpus = await Corpus.LoadAsync();
        var found = await corpus.SearchAsync("quantisaton of vectrs with a codebok", 3, default);
        Assert.Contains(found, p => p.Heading.Contains("quantisation", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task The_same_passages_give_the_same_model_and_the_file_brings_it_back()
    {
        var texts = (await Corpus.ChunksAsync()).Select(c => c.Embedded).ToList();
        var first = LsaTrainer.Fit(texts, new LsaOptions());
        var second = LsaTrainer.Fit(texts, new LsaOptions());
        Assert.Equal(first.Hash, second.Hash);

        var path = Path.Combine(Directory.CreateTempSubdirectory("rag").FullName, "model.bin");
        await LsaModelFile.SaveAsync(first, path, default);
        var loaded = await LsaModelFile.LoadAsync(path, default);
        Assert.Equal(first.Hash, loaded!.Hash);
        Assert.Equal(first.Encode("group commit when idle"), loaded.Encode("group commit when idle"));

        texts[0] += " extra";
        Assert.NotEqual(first.Hash, LsaTrainer.Fit(texts, new LsaOptions()).Hash);
    }

    [Fact]
    public async Task A_damaged_model_file_is_refused()
    {
        var model = LsaTrainer.Fit(["one text about logs", "another text about graphs"], new LsaOptions());
        var path = Path.Combine(Directory.CreateTempSubdirectory("rag").FullName, "model.bin");
        await LsaModelFile.SaveAsync(model, path, default);
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[100] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
        await Assert.ThrowsAsync<InvalidDataException>(() => LsaModelFile.LoadAsync(path, default));
    }

    [Fact]
    public async Task Embeddings_have_the_stated_dimension_and_are_never_longer_than_one()
    {
        var corpus = await Corpus.LoadAsync();
        using var embedder = Embedder.Offline(corpus.Model);
        var vectors = await embedder.EmbedAsync(["a lone writer never waits", "xyzzy plugh"], default);
        Assert.All(vectors, v => Assert.Equal(embedder.Dimension, v.Length));
        Assert.InRange(vectors[0].ToArray().Sum(x => x * x), 0.8, 1.0001);
        Assert.InRange(vectors[1].ToArray().Sum(x => x * x), 0.5, 1.0001);
        Assert.All(vectors[1].ToArray(), x => Assert.False(float.IsNaN(x)));
    }

    private void Write(EvaluationReport report)
    {
        output.WriteLine($"hit@5 {report.HitAt5:F3} hit@1 {report.HitAt1:F3} MRR {report.MeanReciprocalRank:F3} refused {report.WronglyRefused} wrongly answered {report.WronglyAnswered}");
        foreach (var r in report.Results)
        {
            output.WriteLine($"{r.Rank} {r.Confidence:F3} {(r.IsRight ? " " : "!")} {r.Question.Question} -> {r.TopLocation}");
        }
    }
}
