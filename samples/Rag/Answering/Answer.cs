namespace MiniMilvus.Rag.Answering;

/// <summary>A stretch of a quote to be shown as a hit.</summary>
internal readonly record struct Highlight(int Start, int Length);

/// <summary>A sentence taken word for word from passage number <paramref name="Passage"/> (from 1), with its lines in the file.</summary>
internal sealed record Quote(int Passage, string Text, int LineStart, int LineEnd, IReadOnlyList<Highlight> Highlights);

/// <summary>
/// What is said to a question: quotes (offline), or prose from a language model that cites passages as [n]; or, when nothing found is near enough, that it is not known.
/// <paramref name="Passages"/> are the ones cited, numbered from 1.
/// </summary>
internal sealed record Answer(bool IsKnown, double Confidence, IReadOnlyList<Quote> Quotes, string? Prose, IReadOnlyList<Passage> Passages)
{
    public const string UnknownText = "I don't know: nothing in the documents is near enough to this question.";

    public static Answer Unknown(double confidence) => new(false, confidence, [], null, []);
}

/// <summary>Makes an answer from the passages found for a question.</summary>
internal interface IAnswerer
{
    Task<Answer> AnswerAsync(string question, IReadOnlyList<Passage> passages, CancellationToken ct);
}
