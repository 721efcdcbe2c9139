using MiniMilvus.Rag.Documents;
using MiniMilvus.Rag.Embedding;

namespace MiniMilvus.Rag.Answering;

/// <summary>
/// Answers without a language model: the sentences of the passages that say most about the question's words, word for word, with their places.
/// </summary>
internal sealed class ExtractiveAnswerer(ConfidenceGate gate, ITermWeights weights, int quotesMax = 3) : IAnswerer
{
    private const double NextQuoteMin = 0.55;
    private const double RepetitionMax = 0.6;

    private sealed record Candidate(int Passage, TextUnit Unit, double Score, HashSet<string> Stems);

    public Task<Answer> AnswerAsync(string question, IReadOnlyList<Passage> passages, CancellationToken ct)
    {
        var confidence = gate.Confidence(question, passages);
        if (confidence < gate.Threshold)
        {
            return Task.FromResult(Answer.Unknown(confidence));
        }
        var asked = Tokenizer.Stems(question).ToHashSet(StringComparer.Ordinal);
        var chosen = Choose(Candidates(question, asked, passages));
        var cited = chosen.Select(c => c.Passage).Distinct().Order().ToList();
        var quotes = chosen
            .Select(c => MakeQuote(cited.IndexOf(c.Passage) + 1, passages[c.Passage], c.Unit, asked))
            .ToList();
        return Task.FromResult(new Answer(true, confidence, quotes, null, [.. cited.Select(i => passages[i])]));
    }

    private List<Candidate> Candidates(string question, HashSet<string> asked, IReadOnlyList<Passage> passages)
    {
        var total = asked.Sum(s => (double)weights.WeightOf(s));
        var best = passages.Max(p => gate.Confidence(question, p));
        var candidates = new List<Candidate>();
        for (var i = 0; i < passages.Count; i++)
        {
            var passage = passages[i];
            var nearness = gate.Confidence(question, passage) / best;
            if (nearness < NextQuoteMin)
            {
                continue;
            }
            // Words that the heading already says are not asked of each sentence again, but they don't count in full either.
            var heading = Tokenizer.Stems(passage.Heading).ToHashSet(StringComparer.Ordinal);
            foreach (var unit in TextUnits.Split(passage.Text, 0, passage.Text.Length))
            {
                var stems = Tokenizer.Stems(passage.Text[unit.Start..unit.End]).ToHashSet(StringComparer.Ordinal);
                var covered = asked.Sum(s => weights.WeightOf(s) * (stems.Contains(s) ? 1 : heading.Contains(s) ? 0.4 : 0));
                var brevity = unit.Words < 5 ? 0.6 : unit.Words > 60 ? 0.85 : 1;
                var score = ((0.7 * (total == 0 ? 0 : covered / total)) + 0.3) * nearness * brevity;
                candidates.Add(new Candidate(i, unit, score, stems));
            }
        }
        return [.. candidates.OrderByDescending(c => c.Score).ThenBy(c => c.Passage).ThenBy(c => c.Unit.Start)];
    }

    private List<Candidate> Choose(List<Candidate> candidates)
    {
        var chosen = new List<Candidate>();
        foreach (var candidate in candidates)
        {
            if (chosen.Count == quotesMax || (chosen.Count > 0 && candidate.Score < NextQuoteMin * chosen[0].Score))
            {
                break;
            }
            // Overlapping passages, and pages that say the same twice, would repeat a sentence.
            if (!chosen.Any(c => Similarity(c.Stems, candidate.Stems) > RepetitionMax))
            {
                chosen.Add(candidate);
            }
        }
        return chosen;
    }

    private static Quote MakeQuote(int number, Passage passage, TextUnit unit, HashSet<string> asked)
    {
        var before = passage.Text.AsSpan(0, unit.Start).Count('\n');
        var raw = passage.Text[unit.Start..unit.End];
        var text = raw.Replace('\n', ' ').Trim('|', ' ');
        var highlights = Tokenizer.Tokens(text)
            .Where(t => asked.Contains(t.Stem))
            .Select(t => new Highlight(t.Start, t.Length))
            .ToList();
        var first = passage.LineStart + before;
        return new Quote(number, text, first, first + raw.AsSpan().Count('\n'), highlights);
    }

    private static double Similarity(HashSet<string> a, HashSet<string> b)
    {
        var shared = a.Count(b.Contains);
        var all = a.Count + b.Count - shared;
        return all == 0 ? 1 : (double)shared / all;
    }
}
