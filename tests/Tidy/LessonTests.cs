using System.Text.RegularExpressions;

namespace MiniMilvus.Tidy;

/// <summary>Every lesson of docs/lessons.md names the tests that hold it, and they are there.</summary>
public sealed partial class LessonTests
{
    private const string Page = "docs/lessons.md";
    private const string Open = "not built yet";

    [Fact]
    public void Every_lesson_has_a_test_that_exists()
    {
        var sources = Repository.Sources("tests").Where(path => !path.StartsWith("tests/Tidy/", StringComparison.Ordinal)).Select(Repository.Read).ToList();
        var offenders = new List<string>();
        var held = 0;
        foreach (var cells in Repository.Read(Page).Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal)).Skip(1).Select(line => line.Trim('|', ' ').Split(" | ")))
        {
            var tests = cells.Length == 3 ? TestName().Matches(cells[2]) : null;
            if (tests is not { Count: > 0 } && !(cells.Length == 3 && cells[2] == Open))
            {
                offenders.Add($"{cells[0]}: expected three cells, the last with tests in backticks or '{Open}'");
            }

            held += tests is { Count: > 0 } ? 1 : 0;
            offenders.AddRange((tests ?? Enumerable.Empty<Match>())
                .Where(test => !sources.Any(text => Declares(text, test.Groups["class"].Value, test.Groups["method"].Value)))
                .Select(test => $"{cells[0]}: no test {test.Value}"));
        }

        Repository.None(offenders, $"{Page}:");
        Assert.True(held >= 10, $"expected at least ten lessons that a test holds, found {held}");
    }

    /// <summary>A partial class may have its parts in several files, so the method alone decides within the class's name.</summary>
    private static bool Declares(string text, string type, string method) =>
        Regex.IsMatch(text, $@"\bclass {type}\b") && (method.Length == 0 ? text.Contains("[Fact]", StringComparison.Ordinal) || text.Contains("[Theory]", StringComparison.Ordinal) : Regex.IsMatch(text, $@"(Task|void) {method}\("));

    [GeneratedRegex(@"`(?<class>\w+)(\.(?<method>\w+))?`")]
    private static partial Regex TestName();
}
