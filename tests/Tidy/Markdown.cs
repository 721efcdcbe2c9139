using System.Text;
using System.Text.RegularExpressions;

namespace MiniMilvus.Tidy;

/// <summary>A fenced block: its info string, its lines, and the line where it starts.</summary>
internal sealed record Fence(string Info, IReadOnlyList<string> Lines, int Line);

/// <summary>Just enough Markdown: fences, links outside them, and the anchors that GitHub gives headings.</summary>
internal sealed partial class Markdown
{
    public Markdown(string text)
    {
        List<string>? open = null;
        var (info, start, fence, number) = ("", 0, "", 0);
        foreach (var line in text.Split('\n').Select(l => l.TrimEnd('\r')))
        {
            number++;
            var mark = FenceMark().Match(line);
            if (open is null && mark.Success)
            {
                (open, info, start, fence) = ([], mark.Groups["info"].Value.Trim(), number, mark.Groups["mark"].Value);
            }
            else if (open is not null && mark.Success && mark.Groups["mark"].Value.StartsWith(fence, StringComparison.Ordinal) && mark.Groups["info"].Length == 0)
            {
                Fences.Add(new(info, open, start));
                open = null;
            }
            else if (open is not null)
            {
                open.Add(line);
            }
            else
            {
                ReadProse(line, number);
            }
        }

        if (open is not null)
        {
            Unclosed = start;
        }
    }

    public List<Fence> Fences { get; } = [];

    public List<(string Target, int Line)> Links { get; } = [];

    public HashSet<string> Anchors { get; } = [];

    /// <summary>The line of a fence that never ends; 0 = none.</summary>
    public int Unclosed { get; }

    private void ReadProse(string line, int number)
    {
        var prose = InlineCode().Replace(line, "");
        if (Heading().Match(line) is { Success: true } heading)
        {
            var slug = Slug(heading.Groups[1].Value);
            var anchor = slug;
            for (var i = 1; !Anchors.Add(anchor); i++)
            {
                anchor = $"{slug}-{i}";
            }
        }

        foreach (Match match in Named().Matches(line))
        {
            Anchors.Add(match.Groups[1].Value);
        }

        foreach (Match match in Link().Matches(prose))
        {
            Links.Add((match.Groups[1].Value, number));
        }
    }

    private static string Slug(string heading)
    {
        var slug = new StringBuilder();
        foreach (var c in LinkText().Replace(heading, "$1").Trim().ToLowerInvariant())
        {
            if (char.IsLetterOrDigit(c) || c is '-' or '_')
            {
                slug.Append(c);
            }
            else if (c == ' ')
            {
                slug.Append('-');
            }
        }

        return slug.ToString();
    }

    [GeneratedRegex(@"^\s*(?<mark>`{3,})(?<info>[^`]*)$")]
    private static partial Regex FenceMark();

    [GeneratedRegex("`[^`]*`")]
    private static partial Regex InlineCode();

    [GeneratedRegex(@"^#{1,6}\s+(.*?)\s*#*$")]
    private static partial Regex Heading();

    [GeneratedRegex(@"<a (?:id|name)=""([^""]+)""")]
    private static partial Regex Named();

    [GeneratedRegex(@"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+""[^""]*"")?\s*\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"\[([^\]]*)\]\([^)]*\)")]
    private static partial Regex LinkText();
}
