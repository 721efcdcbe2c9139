using System.Text.RegularExpressions;

namespace MiniMilvus.Tidy;

/// <summary>Style that a reader feels: short files, nothing left lying about, no drawer for odds and ends.</summary>
public sealed class SourceTests
{
    private const int LinesMax = 500;
    private const int MedianMax = 140;
    private static readonly string[] Trees = ["src", "tests", "samples", "benchmarks"];

    /// <summary>Split in two so that this file does not find itself.</summary>
    private static readonly (string Name, Regex Pattern)[] LeftOvers =
    [
        ("NotImplemented" + "Exception", new(@"\bNotImplemented" + "Exception")),
        ("TO" + "DO", new(@"\b(TO" + "DO|FIX" + "ME|HA" + "CK|XX" + @"X)\b")),
        ("Sk" + "ip=", new("\\bSk" + "ip *= *\"")),
        ("Thread.Sl" + "eep", new(@"Thread\.Sl" + "eep")),
        ("ConfigureAw" + "ait(false)", new(@"ConfigureAw" + @"ait\(false\)")),
    ];

    [Fact]
    public void No_file_is_longer_than_500_lines()
        => Repository.None(Lengths(Trees).Where(f => f.Lines > LinesMax).Select(f => $"{f.Path}: {f.Lines}"), $"Longer than {LinesMax} lines; split by concern:");

    [Fact]
    public void The_median_source_file_is_at_most_140_lines()
    {
        var lengths = Lengths("src").Select(f => f.Lines).Order().ToList();
        Assert.NotEmpty(lengths);
        var median = lengths[lengths.Count / 2];
        Assert.True(median <= MedianMax, $"The median file of src has {median} lines, at most {MedianMax} wanted.");
    }

    [Fact]
    public void Nothing_is_left_over()
    {
        var offenders = new List<string>();
        var needed = new HashSet<Allowance>();
        foreach (var path in Repository.Sources(Trees))
        {
            var lines = File.ReadAllLines(Repository.Full(path));
            for (var i = 0; i < lines.Length; i++)
            {
                foreach (var (name, pattern) in LeftOvers)
                {
                    if (!pattern.IsMatch(lines[i]))
                    {
                        continue;
                    }

                    var allowance = Allowances.All.FirstOrDefault(e => path.StartsWith(e.Path, StringComparison.Ordinal) && e.Pattern == name);
                    if (allowance is not null)
                    {
                        needed.Add(allowance);
                    }
                    else
                    {
                        offenders.Add($"{path}:{i + 1}: {lines[i].Trim()}");
                    }
                }
            }
        }

        Repository.None(offenders, "Left over:");
        Repository.None(Allowances.All.Where(e => !needed.Contains(e)).Select(e => $"{e.Path} {e.Pattern}"), "These allowances are not needed any more:");
    }

    [Fact]
    public void No_catch_is_empty()
    {
        var empty = new Regex(@"\bcatch\s*(\([^)]*\))?\s*(when\s*\([^{]*\))?\s*\{\s*\}");
        Repository.None(
            from path in Repository.Sources(Trees)
            let text = Repository.Read(path)
            from Match match in empty.Matches(text)
            select $"{path}:{text.AsSpan(0, match.Index).Count('\n') + 1}",
            "A catch block that does nothing says at least why:");
    }

    [Fact]
    public void A_disabled_warning_says_why()
    {
        var pragma = new Regex(@"^\s*#pragma warning " + @"disable\b(?<rest>.*)$");
        var offenders = new List<string>();
        foreach (var path in Repository.Sources(Trees))
        {
            var lines = File.ReadAllLines(Repository.Full(path));
            for (var i = 0; i < lines.Length; i++)
            {
                var match = pragma.Match(lines[i]);
                var explained = match.Groups["rest"].Value.Contains("//", StringComparison.Ordinal) || (i > 0 && lines[i - 1].TrimStart().StartsWith("//", StringComparison.Ordinal));
                if (match.Success && !explained)
                {
                    offenders.Add($"{path}:{i + 1}: {lines[i].Trim()}");
                }
            }
        }

        Repository.None(offenders, "A disabled warning needs its reason in a comment on the same or the previous line:");
    }

    [Fact]
    public void Only_the_command_line_writes_to_the_console()
    {
        var console = new Regex(@"(?<![\w.])Console\.(Out|Error|Write|WriteLine|Read|ReadLine|ReadKey)\b");
        Repository.None(Matches(["src"], console, path => !path.StartsWith("src/Host/Cli/", StringComparison.Ordinal) && path != "src/Host/Program.cs"), "Console outside src/Host/Cli:");
    }

    [Fact]
    public void No_folder_and_no_namespace_is_a_drawer_for_odds_and_ends()
    {
        var drawer = new Regex(@"^(Utils?|Utilities|Common|Helpers?|Misc|Shared)$");
        Repository.None(Repository.Sources(Trees).Select(path => Path.GetDirectoryName(path)!).Distinct().Where(folder => folder.Split('/', '\\').Any(part => drawer.IsMatch(part))), "Name the concern:");
        Repository.None(Matches(Trees, new(@"^namespace [\w.]*\.(Utils?|Common|Helpers?|Misc)\b"), _ => true), "Name the concern:");
    }

    [Fact]
    public void Native_calls_live_in_one_file()
    {
        var native = new Regex(@"\[\s*(DllImp" + "ort|LibraryImp" + @"ort)\b");
        Repository.None(Matches(Trees, native, path => path != "src/Storage/Disk/NativeMethods.cs"), "P/Invoke outside src/Storage/Disk/NativeMethods.cs:");
        Assert.Matches(native, Repository.Read("src/Storage/Disk/NativeMethods.cs"));
    }

    [Fact]
    public void Log_event_numbers_are_unique()
    {
        var number = new Regex(@"\[LoggerMessage\((?:EventId\s*=\s*)?(\d+)");
        var seen = new Dictionary<string, string>();
        var offenders = new List<string>();
        foreach (var path in Repository.Sources("src"))
        {
            foreach (Match match in number.Matches(Repository.Read(path)))
            {
                if (!seen.TryAdd(match.Groups[1].Value, path))
                {
                    offenders.Add($"{match.Groups[1].Value}: {seen[match.Groups[1].Value]} and {path}");
                }
            }
        }

        Assert.NotEmpty(seen);
        Repository.None(offenders, "One number, one message:");
    }

    private static IEnumerable<(string Path, int Lines)> Lengths(params string[] trees)
        => Repository.Sources(trees).Select(path => (path, File.ReadLines(Repository.Full(path)).Count()));

    private static IEnumerable<string> Matches(string[] trees, Regex pattern, Func<string, bool> applies)
        => from path in Repository.Sources(trees)
           where applies(path)
           from line in File.ReadLines(Repository.Full(path)).Select((text, i) => (Text: text, Number: i + 1))
           where pattern.IsMatch(line.Text)
           select $"{path}:{line.Number}: {line.Text.Trim()}";
}
