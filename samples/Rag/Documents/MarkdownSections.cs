namespace MiniMilvus.Rag.Documents;

/// <summary>The text between two headings: <paramref name="Heading"/> is the way to it ("Page › Part › Point"), the offsets bound its body.</summary>
internal sealed record Section(string Heading, int Start, int End);

/// <summary>
/// Cuts a document at its headings (# … ###### and underlined ones), not inside fenced code.
/// A text without headings is one section, named after the file.
/// </summary>
internal static class MarkdownSections
{
    public const string Separator = " › ";

    public static IReadOnlyList<Section> Parse(string path, string text)
    {
        var markdown = !path.EndsWith(".txt", StringComparison.OrdinalIgnoreCase) && !path.EndsWith(".text", StringComparison.OrdinalIgnoreCase);
        var sections = new List<Section>();
        var trail = new string?[7];
        var fallback = Path.GetFileNameWithoutExtension(path);
        var bodyStart = 0;
        var fence = "";
        var previousStart = -1;
        var offset = 0;
        while (markdown && offset < text.Length)
        {
            var newline = text.IndexOf('\n', offset);
            var next = newline < 0 ? text.Length : newline + 1;
            var line = text.AsSpan(offset, (newline < 0 ? text.Length : newline) - offset);
            var trimmed = line.TrimStart();
            if (fence.Length > 0)
            {
                if (trimmed.StartsWith(fence, StringComparison.Ordinal))
                {
                    fence = "";
                }
            }
            else if (trimmed.StartsWith("```", StringComparison.Ordinal) || trimmed.StartsWith("~~~", StringComparison.Ordinal))
            {
                fence = trimmed[..3].ToString();
            }
            else if (AtxLevel(line) is var level and > 0)
            {
                Close(offset);
                Enter(level, line.Trim().Trim('#').Trim().ToString());
                bodyStart = next;
            }
            else if (previousStart >= 0 && IsUnderline(line, out level))
            {
                Close(previousStart);
                Enter(level, text[previousStart..offset].Trim());
                bodyStart = next;
            }
            previousStart = fence.Length == 0 && IsParagraphStart(text, previousStart, offset, trimmed) ? offset : -1;
            offset = next;
        }
        Close(text.Length);
        return sections;

        void Close(int end)
        {
            if (end > bodyStart && !string.IsNullOrWhiteSpace(text[bodyStart..end]))
            {
                sections.Add(new Section(Trail(), bodyStart, end));
            }
        }

        void Enter(int level, string title)
        {
            trail[level] = title.Replace("`", "", StringComparison.Ordinal);
            Array.Fill(trail, null, level + 1, 6 - level);
        }

        string Trail()
        {
            var heading = string.Join(Separator, trail.Where(t => !string.IsNullOrEmpty(t)));
            return heading.Length == 0 ? fallback : heading;
        }
    }

    private static int AtxLevel(ReadOnlySpan<char> line)
    {
        var level = 0;
        while (level < line.Length && line[level] == '#')
        {
            level++;
        }
        return level is >= 1 and <= 6 && level < line.Length && line[level] == ' ' ? level : 0;
    }

    private static bool IsUnderline(ReadOnlySpan<char> line, out int level)
    {
        var trimmed = line.TrimEnd();
        level = trimmed.Length >= 3 && trimmed.IndexOfAnyExcept('=') < 0 ? 1
            : trimmed.Length >= 3 && trimmed.IndexOfAnyExcept('-') < 0 ? 2
            : 0;
        return level > 0;
    }

    // Only a paragraph of one line may be underlined, so that rulers and tables are not taken for headings.
    private static bool IsParagraphStart(string text, int previousStart, int offset, ReadOnlySpan<char> trimmed) =>
        previousStart < 0
        && trimmed.Length > 0
        && char.IsLetterOrDigit(trimmed[0])
        && (offset == 0 || offset == 1 || (text[offset - 1] == '\n' && text[offset - 2] == '\n'));
}
