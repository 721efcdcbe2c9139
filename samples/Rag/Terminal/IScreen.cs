using MiniMilvus.Rag.Answering;
using MiniMilvus.Rag.Evaluation;
using MiniMilvus.Rag.Store;

namespace MiniMilvus.Rag.Terminal;

/// <summary>How long the parts of an answer took.</summary>
internal sealed record AnswerTiming(TimeSpan Embedding, TimeSpan Search);

/// <summary>All output. Two of them: one for people at a terminal, one for pipes and files.</summary>
internal interface IScreen
{
    void Title(string title);

    void Info(string text);

    void Error(string text);

    /// <summary>Runs work and shows how far it is; the work reports how many units each step did.</summary>
    Task<T> ProgressAsync<T>(string label, int total, Func<Action<int>, Task<T>> work);

    void Show(string question, Answer answer, AnswerTiming timing);

    void Show(NoteTiming timing);

    void Show(EvaluationReport report, string corpus);

    /// <summary>A line from the user, or null at the end of input.</summary>
    string? Prompt();
}
