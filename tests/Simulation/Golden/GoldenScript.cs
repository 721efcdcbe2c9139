namespace MiniMilvus.Simulation.Golden;

/// <summary>
/// The lines of a script: a step begins with "> ", what came of it is indented by two spaces, everything else is there for the reader. A
/// transcript is the same with outcomes that were found.
/// </summary>
internal static class GoldenScript
{
    private const string Step = "> ";
    private const string Indent = "  ";
    private const int LinesShown = 12;

    public static bool IsOutcome(string line) => line.StartsWith(Indent, StringComparison.Ordinal);

    public static string? StepOf(string line) => line.StartsWith(Step, StringComparison.Ordinal) ? line[Step.Length..] : null;

    public static string Outcome(string text) => Indent + text.ReplaceLineEndings("\n" + Indent);

    /// <summary>Null when they are the same; else the first step whose outcome differs, with what was expected and what was found.</summary>
    public static string? Difference(string name, IReadOnlyList<string> expected, IReadOnlyList<string> found)
    {
        var at = 0;
        while (at < expected.Count && at < found.Count && expected[at] == found[at])
        {
            at++;
        }

        if (at == expected.Count && at == found.Count)
        {
            return null;
        }

        var step = at;
        while (step > 0 && (step >= expected.Count || StepOf(expected[step]) is null))
        {
            step--;
        }

        return $"{name}, line {at + 1}: expected '{LineAt(expected, at)}', found '{LineAt(found, at)}'\n--- expected\n{Shown(expected, step)}\n--- found\n{Shown(found, step)}";
    }

    private static string LineAt(IReadOnlyList<string> lines, int at) => at < lines.Count ? lines[at] : "(the end)";

    private static string Shown(IReadOnlyList<string> lines, int from) => string.Join('\n', lines.Skip(from).Take(LinesShown));
}
