using MiniMilvus.Rag.Answering;

namespace MiniMilvus.Rag.Evaluation;

/// <summary>One question's result: the rank of the first right passage (0 when none of the five is right), and what was decided.</summary>
internal sealed record QuestionResult(EvaluationQuestion Question, int Rank, double Confidence, bool Answered, string TopLocation)
{
    /// <summary>An answerable question must be answered from a right passage, an unanswerable one must not be answered.</summary>
    public bool IsRight => Question.IsAnswerable ? Answered && Rank > 0 : !Answered;
}

/// <summary>The figures of a run. <see cref="MeanReciprocalRank"/> is over the first five passages.</summary>
internal sealed record EvaluationReport(IReadOnlyList<QuestionResult> Results)
{
    public IReadOnlyList<QuestionResult> Answerable { get; } = [.. Results.Where(r => r.Question.IsAnswerable)];
    public IReadOnlyList<QuestionResult> Unanswerable { get; } = [.. Results.Where(r => !r.Question.IsAnswerable)];

    public double HitAt5 => Share(Answerable, r => r.Rank > 0);
    public double HitAt1 => Share(Answerable, r => r.Rank == 1);
    public double MeanReciprocalRank => Answerable.Count == 0 ? 0 : Answerable.Average(r => r.Rank == 0 ? 0 : 1.0 / r.Rank);
    public int WronglyRefused => Answerable.Count(r => !r.Answered);
    public int WronglyAnswered => Unanswerable.Count(r => r.Answered);

    private static double Share(IReadOnlyList<QuestionResult> results, Func<QuestionResult, bool> holds) =>
        results.Count == 0 ? 0 : (double)results.Count(holds) / results.Count;
}

/// <summary>Asks every question and compares. The search is a parameter, so that the same code measures the server and, in tests, an exact scan.</summary>
internal sealed class Evaluator(Func<string, int, CancellationToken, Task<IReadOnlyList<Passage>>> search, ConfidenceGate gate)
{
    public const int Depth = 5;

    public async Task<EvaluationReport> RunAsync(IReadOnlyList<EvaluationQuestion> questions, CancellationToken ct)
    {
        var results = new List<QuestionResult>();
        foreach (var question in questions)
        {
            var passages = await search(question.Question, Depth, ct);
            var rank = 0;
            for (var i = 0; i < passages.Count && rank == 0; i++)
            {
                rank = question.IsAnswerable && question.IsRight(passages[i].Path, passages[i].Heading, passages[i].Text) ? i + 1 : 0;
            }
            var confidence = gate.Confidence(question.Question, passages);
            results.Add(new QuestionResult(question, rank, confidence, confidence >= gate.Threshold, passages.Count == 0 ? "" : passages[0].Location));
        }
        return new EvaluationReport(results);
    }

    /// <summary>The threshold that tells most answerable from unanswerable questions apart: the middle of the best gap.</summary>
    public static (double Threshold, int Wrong) Calibrate(EvaluationReport report)
    {
        var confidences = report.Results.Select(r => r.Confidence).Order().ToArray();
        var candidates = Enumerable.Range(0, confidences.Length - 1).Select(i => (confidences[i] + confidences[i + 1]) / 2);
        return candidates
            .Select(t => (Threshold: t, Wrong: report.Results.Count(r => r.Question.IsAnswerable != (r.Confidence >= t))))
            .OrderBy(c => c.Wrong)
            .ThenByDescending(c => confidences.Min(x => Math.Abs(x - c.Threshold)))
            .First();
    }
}
