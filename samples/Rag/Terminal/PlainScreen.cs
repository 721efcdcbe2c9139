using System.Globalization;
using MiniMilvus.Rag.Answering;
using MiniMilvus.Rag.Evaluation;
using MiniMilvus.Rag.Store;

namespace MiniMilvus.Rag.Terminal;

/// <summary>Text without colours or boxes: one fact a line, the same on every machine.</summary>
internal sealed class PlainScreen(TextWriter output, TextReader input) : IScreen
{
    public void Title(string title) => output.WriteLine(title);

    public void Info(string text) => output.WriteLine(text);

    public void Error(string text) => Console.Error.WriteLine($"error: {text}");

    public async Task<T> ProgressAsync<T>(string label, int total, Func<Action<int>, Task<T>> work)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{label} ({total})"));
        return await work(_ => { });
    }

    public void Show(string question, Answer answer, AnswerTiming timing)
    {
        output.WriteLine($"Q: {question}");
        if (!answer.IsKnown)
        {
            output.WriteLine($"A: {Answer.UnknownText}");
        }
        if (answer.Prose is { } prose)
        {
            output.WriteLine($"A: {prose}");
        }
        foreach (var quote in answer.Quotes)
        {
            output.WriteLine($"A: \"{quote.Text}\" [{quote.Passage}]");
        }
        for (var i = 0; i < answer.Passages.Count; i++)
        {
            var passage = answer.Passages[i];
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"   [{i + 1}] {passage.Location}  {passage.Heading}  score {passage.Score:F3}"));
        }
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"   confidence {answer.Confidence:F2}, embedded in {timing.Embedding.TotalMilliseconds:F1} ms, searched in {timing.Search.TotalMilliseconds:F1} ms"));
    }

    public void Show(NoteTiming timing) => output.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"Noted. Acknowledged after {timing.ToAck.TotalMilliseconds:F1} ms; found by another connection {timing.AckToVisible.TotalMilliseconds:F1} ms later ({Looks(timing.Looks)})."));

    public void Show(EvaluationReport report, string corpus)
    {
        output.WriteLine($"Evaluation over {corpus}");
        output.WriteLine("rank  confidence  verdict   question");
        foreach (var result in report.Results)
        {
            var rank = result.Question.IsAnswerable ? result.Rank == 0 ? "-" : result.Rank.ToString(CultureInfo.InvariantCulture) : " ";
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{rank,4}  {result.Confidence,10:F2}  {Verdict(result),-8}  {result.Question.Question}"));
        }
        foreach (var (name, value) in Figures(report))
        {
            output.WriteLine($"{name}: {value}");
        }
    }

    public string? Prompt()
    {
        output.Write("> ");
        output.Flush();
        return input.ReadLine();
    }

    public static string Looks(int looks) => looks == 1 ? "at the first look" : string.Create(CultureInfo.InvariantCulture, $"at look {looks}");

    public static string Verdict(QuestionResult result) => (result.Question.IsAnswerable, result.Answered, result.Rank > 0) switch
    {
        (true, true, true) => "right",
        (true, true, false) => "missed",
        (true, false, _) => "refused",
        (false, true, _) => "WRONG",
        (false, false, _) => "unknown",
    };

    public static IEnumerable<(string Name, string Value)> Figures(EvaluationReport report)
    {
        yield return ("hit@5", report.HitAt5.ToString("F3", CultureInfo.InvariantCulture));
        yield return ("hit@1", report.HitAt1.ToString("F3", CultureInfo.InvariantCulture));
        yield return ("MRR", report.MeanReciprocalRank.ToString("F3", CultureInfo.InvariantCulture));
        yield return ("answerable but refused", string.Create(CultureInfo.InvariantCulture, $"{report.WronglyRefused} of {report.Answerable.Count}"));
        yield return ("unanswerable but answered", string.Create(CultureInfo.InvariantCulture, $"{report.WronglyAnswered} of {report.Unanswerable.Count}"));
    }
}
