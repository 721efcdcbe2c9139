using MiniMilvus.Rag.Answering;

namespace MiniMilvus.Rag.Tests;

public sealed class AnsweringTests
{
    [Fact]
    public async Task An_answer_quotes_the_sentence_with_its_line_and_marks_the_words_asked_for()
    {
        var corpus = await Corpus.LoadAsync();
        var answer = await AnswerAsync(corpus, "At which sizes is a log segment rolled over?");

        Assert.True(answer.IsKnown);
        var quote = answer.Quotes[0];
        Assert.Contains("256 MB", quote.Text, StringComparison.Ordinal);
        var passage = answer.Passages[quote.Passage - 1];
        Assert.EndsWith("woodpecker.md", passage.Path, StringComparison.Ordinal);
        var lines = (await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "documents", "woodpecker.md")))[(quote.LineStart - 1)..quote.LineEnd];
        Assert.Contains(quote.Text, string.Join(' ', lines), StringComparison.Ordinal);
        Assert.Contains("segment", quote.Highlights.Select(h => quote.Text.Substring(h.Start, h.Length)));
    }

    [Fact]
    public async Task What_the_documents_do_not_hold_is_not_answered()
    {
        var corpus = await Corpus.LoadAsync();
        var answer = await AnswerAsync(corpus, "Who won the football world cup in 1998?");
        Assert.False(answer.IsKnown);
        Assert.Empty(answer.Quotes);
    }

    [Fact]
    public async Task No_passages_means_not_known()
    {
        var corpus = await Corpus.LoadAsync();
        var gate = new ConfidenceGate(corpus.Model, true, 0.1);
        Assert.False((await new ExtractiveAnswerer(gate, corpus.Model).AnswerAsync("anything", [], default)).IsKnown);
    }

    [Fact]
    public async Task The_same_sentence_is_quoted_once()
    {
        var corpus = await Corpus.LoadAsync();
        var passages = await corpus.SearchAsync("What is group commit?", 1, default);
        var gate = new ConfidenceGate(corpus.Model, true, 0.1);
        var answer = await new ExtractiveAnswerer(gate, corpus.Model).AnswerAsync("What is group commit?", [passages[0], passages[0] with { Id = "copy" }], default);
        Assert.Equal(answer.Quotes.Count, answer.Quotes.Select(q => q.Text).Distinct().Count());
    }

    [Fact]
    public async Task A_longer_coverage_of_the_question_means_more_confidence()
    {
        var corpus = await Corpus.LoadAsync();
        var gate = new ConfidenceGate(corpus.Model, true, 0.1);
        Assert.Equal(1, gate.Coverage("timetick promise", "a timetick is a promise"), 1e-9);
        Assert.InRange(gate.Coverage("timetick promise", "a timetick"), 0.1, 0.9);
        Assert.Equal(0, gate.Coverage("timetick promise", "bread and butter"));
    }

    private static async Task<Answer> AnswerAsync(Corpus corpus, string question)
    {
        var gate = new ConfidenceGate(corpus.Model, useCoverage: true, ConfidenceGate.OfflineThreshold);
        return await new ExtractiveAnswerer(gate, corpus.Model).AnswerAsync(question, await corpus.SearchAsync(question, 6, default), default);
    }
}
