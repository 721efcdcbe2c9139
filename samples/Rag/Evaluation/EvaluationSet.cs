using System.Text.Json;

namespace MiniMilvus.Rag.Evaluation;

/// <summary>
/// A question with what a right passage is: one of the <see cref="Sections"/> ("file" or "file › heading"), or one that holds every phrase of <see cref="Phrases"/>.
/// No sections and no phrases: the documents do not answer it.
/// </summary>
internal sealed record EvaluationQuestion
{
    public required string Question { get; init; }
    public IReadOnlyList<string> Sections { get; init; } = [];
    public IReadOnlyList<string> Phrases { get; init; } = [];

    public bool IsAnswerable => Sections.Count > 0 || Phrases.Count > 0;

    public bool IsRight(string path, string heading, string text)
    {
        foreach (var section in Sections)
        {
            var parts = section.Split('›', 2, StringSplitOptions.TrimEntries);
            if (path.EndsWith(parts[0], StringComparison.Ordinal) && (parts.Length == 1 || heading.Contains(parts[1], StringComparison.OrdinalIgnoreCase)))
            {
                return true;
            }
        }
        return Phrases.Count > 0 && Phrases.All(p => text.Contains(p, StringComparison.OrdinalIgnoreCase));
    }
}

/// <summary>The questions shipped with the sample: questions.json for the evaluation, calibration.json for setting the threshold.</summary>
internal static class EvaluationSet
{
    private static readonly JsonSerializerOptions Options = new() { PropertyNameCaseInsensitive = true, ReadCommentHandling = JsonCommentHandling.Skip };

    public static async Task<IReadOnlyList<EvaluationQuestion>> LoadAsync(string file, CancellationToken ct)
    {
        await using var stream = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Evaluation", file));
        return await JsonSerializer.DeserializeAsync<List<EvaluationQuestion>>(stream, Options, ct)
            ?? throw new InvalidDataException($"{file} holds no questions.");
    }
}
