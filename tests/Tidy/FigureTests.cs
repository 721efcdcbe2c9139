using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace MiniMilvus.Tidy;

/// <summary>The README quotes the newest runs of the benchmarks, and hides no target that they missed.</summary>
public sealed partial class FigureTests
{
    private const string Results = "benchmarks/results";

    [Fact]
    public void Every_missed_target_of_the_quoted_runs_stands_in_the_readme_in_bold()
    {
        var bold = Bold().Matches(Repository.Read("README.md")).SelectMany(m => Number().Matches(m.Value)).Select(n => n.Value).ToHashSet();
        var missed = Quoted().SelectMany(Lines).Where(l => l.TryGetProperty("holds", out var holds) && holds.ValueKind == JsonValueKind.False)
            .Select(l => (Name: l.GetProperty("name").GetString(), Figure: Figure(l)));
        Repository.None(missed.Where(m => !bold.Contains(m.Figure)).Select(m => $"{m.Name}: {m.Figure}"), "These targets were missed, and the README does not show the figure in bold:");
    }

    [Fact]
    public void The_readme_quotes_the_newest_run_of_each_benchmark()
    {
        var quoted = Quoted();
        Assert.NotEmpty(quoted);
        var newest = Repository.Files(Results, ".jsonl").SelectMany(f => Lines(f).Select(l => (Date: Date(f), Benchmark: Benchmark(l)))).Where(l => l.Benchmark is not null)
            .GroupBy(l => l.Benchmark!).ToDictionary(g => g.Key, g => g.Select(l => l.Date).Max(StringComparer.Ordinal));
        var shown = quoted.SelectMany(f => Lines(f).Select(l => (Benchmark(l) ?? "", Date(f)))).ToHashSet();
        Repository.None(newest.Where(n => !shown.Contains((n.Key, n.Value!))).Select(n => $"{n.Key}: {n.Value}"), "Of these benchmarks there is a newer run than the README quotes:");
    }

    /// <summary>The ratio to the reference where there is one, as the README rounds it.</summary>
    private static string Figure(JsonElement line) =>
        (line.TryGetProperty("ratio", out var ratio) && ratio.ValueKind == JsonValueKind.Number ? ratio : line.GetProperty("value")).GetDouble().ToString("0.00", CultureInfo.InvariantCulture);

    private static List<string> Quoted() =>
        [.. new Markdown(Repository.Read("README.md")).Links.Select(l => l.Target).Where(t => t.StartsWith(Results, StringComparison.Ordinal) && t.EndsWith(".jsonl", StringComparison.Ordinal)).Distinct()];

    private static IEnumerable<JsonElement> Lines(string file) =>
        Repository.Read(file).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement);

    private static string? Benchmark(JsonElement line) => line.TryGetProperty("benchmark", out var name) ? name.GetString() : null;

    private static string Date(string file) => Path.GetFileName(file)[..10];

    [GeneratedRegex(@"\*\*[^*]+\*\*")]
    private static partial Regex Bold();

    [GeneratedRegex(@"\d+\.\d+")]
    private static partial Regex Number();
}
