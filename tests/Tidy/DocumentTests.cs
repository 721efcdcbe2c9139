namespace MiniMilvus.Tidy;

/// <summary>Documents that cannot rot: links lead somewhere, and quoted code is the source's.</summary>
public sealed class DocumentTests
{
    /// <summary>A line that stands for lines left out of a quotation.</summary>
    private static readonly string[] Ellipses = ["…", "// …", "..."];

    private static IReadOnlyList<string> Documents => Repository.Files("", ".md");

    [Fact]
    public void Every_link_leads_somewhere()
    {
        var parsed = Documents.ToDictionary(path => path, path => new Markdown(Repository.Read(path)));
        Assert.NotEmpty(parsed);
        var offenders = new List<string>();
        foreach (var (path, document) in parsed)
        {
            foreach (var (target, line) in document.Links.Where(link => !IsForeign(link.Target)))
            {
                var parts = target.Split('#', 2);
                var file = parts[0].Length == 0 ? path : Path.GetRelativePath(Repository.Root, Path.Combine(Repository.Root, Path.GetDirectoryName(path)!, parts[0])).Replace('\\', '/');
                if (!Repository.Has(file) && !Directory.Exists(Repository.Full(file)))
                {
                    offenders.Add($"{path}:{line}: {target} (no such file)");
                }
                else if (parts.Length == 2 && parsed.TryGetValue(file, out var other) && !other.Anchors.Contains(parts[1]))
                {
                    offenders.Add($"{path}:{line}: {target} (no such heading)");
                }
            }
        }

        Repository.None(offenders, "Dead links:");
    }

    [Fact]
    public void Every_fence_is_closed()
        => Repository.None(Documents.Select(path => (path, new Markdown(Repository.Read(path)).Unclosed)).Where(d => d.Unclosed != 0).Select(d => $"{d.path}:{d.Unclosed}"), "Never closed:");

    [Fact]
    public void Quoted_code_is_in_the_source()
    {
        var offenders = new List<string>();
        foreach (var path in Documents)
        {
            foreach (var fence in new Markdown(Repository.Read(path)).Fences)
            {
                var file = fence.Info.Split(' ').FirstOrDefault(word => word.StartsWith("file=", StringComparison.Ordinal))?[5..];
                if (file is null)
                {
                    if (path.StartsWith("docs/tour/", StringComparison.Ordinal) && fence.Info.StartsWith("csharp", StringComparison.Ordinal))
                    {
                        offenders.Add($"{path}:{fence.Line}: code in the tour says where it is from: ```csharp file=src/…");
                    }
                }
                else if (!Repository.Has(file))
                {
                    offenders.Add($"{path}:{fence.Line}: no file {file}");
                }
                else if (FirstStrange(fence.Lines, File.ReadAllLines(Repository.Full(file))) is { } strange)
                {
                    offenders.Add($"{path}:{fence.Line}: not in {file} at its place: {strange}");
                }
            }
        }

        Repository.None(offenders, "Quotations that differ from the source:");
    }

    [Theory]
    [InlineData("b", null)]
    [InlineData("a\nb", null)]
    [InlineData("a\n…\nd", null)]
    [InlineData("a\nc", "c")]
    [InlineData("d\n…\na", "a")]
    [InlineData("x", "x")]
    public void A_quotation_is_compared_line_by_line_and_in_order(string quoted, string? strange)
        => Assert.Equal(strange, FirstStrange(quoted.Split('\n'), ["a", "  b", "c", "", "d"]));

    [Fact]
    public void Nothing_refers_to_a_place_that_a_reader_does_not_have()
    {
        // Split so that this file does not find itself.
        string[] words = ["/wo" + "rk/", "shared/" + "design", "clients" + ".md", "wire" + ".tsv", "/tmp/" + "mm."];
        string[] trees = ["src", "tests", "samples", "benchmarks", "docs", ".github", ".ci"];
        var files = new[] { ".md", ".cs", ".csproj", ".proto", ".sh", ".yml", ".mjs", ".json" }.SelectMany(e => trees.SelectMany(t => Repository.Files(t, e)))
            .Concat(new[] { "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "GLOSSARY.md", "test.sh", "Dockerfile", "docker-compose.yml", "Directory.Build.props", ".editorconfig" }.Where(Repository.Has));
        Repository.None(from file in files let text = Repository.Read(file) from word in words where text.Contains(word, StringComparison.OrdinalIgnoreCase) select $"{file}: {word}", "Not in this repository:");
    }

    /// <summary>
    /// The first quoted line that is not where it should be; null = all are. Lines follow each other without a gap, whatever their indent;
    /// after an ellipsis the next piece may start anywhere further down.
    /// </summary>
    private static string? FirstStrange(IReadOnlyList<string> quoted, IReadOnlyList<string> source)
    {
        var from = 0;
        var piece = new List<string>();
        foreach (var line in quoted.Select(l => l.Trim()).Append(Ellipses[0]))
        {
            if (!Ellipses.Contains(line))
            {
                piece.Add(line);
                continue;
            }

            while (piece.Count > 0 && piece[^1].Length == 0)
            {
                piece.RemoveAt(piece.Count - 1);
            }

            while (piece.Count > 0 && piece[0].Length == 0)
            {
                piece.RemoveAt(0);
            }

            var (end, matched) = Find(piece, source, from);
            if (end < 0)
            {
                return piece[matched];
            }

            (from, piece) = (end, []);
        }

        return null;
    }

    private static (int End, int Matched) Find(List<string> piece, IReadOnlyList<string> source, int from)
    {
        var best = 0;
        for (var start = from; start <= source.Count - piece.Count; start++)
        {
            var matched = 0;
            while (matched < piece.Count && source[start + matched].Trim() == piece[matched])
            {
                matched++;
            }

            if (matched == piece.Count)
            {
                return (start + matched, matched);
            }

            best = Math.Max(best, matched);
        }

        return (-1, best);
    }

    private static bool IsForeign(string target) => target.Contains("://", StringComparison.Ordinal) || target.StartsWith("mailto:", StringComparison.Ordinal);
}
