namespace MiniMilvus.Rag.Documents;

/// <summary>The smallest piece that is never cut: a sentence, a list item's sentence, a table row or a line of code, as offsets into the document.</summary>
internal readonly record struct TextUnit(int Start, int End, int Words, bool StartsBlock);

/// <summary>Splits a stretch of Markdown into units. Used for chunking and, on a passage's text, for quoting.</summary>
internal static class TextUnits
{
    private static readonly string[] Abbreviations = ["e.g", "i.e", "etc", "vs", "cf", "fig", "no", "approx", "dr", "mr", "mrs", "st"];

    public static List<TextUnit> Split(string text, int start, int end)
    {
        var units = new List<TextUnit>();
        var fenced = false;
        var paragraphStart = -1;
        var offset = start;
        while (offset < end)
        {
            var newline = text.IndexOf('\n', offset, end - offset);
            var lineEnd = newline < 0 ? end : newline;
            var trimmed = text.AsSpan(offset, lineEnd - offset).Trim();
            var isFence = trimmed.StartsWith("```", StringComparison.Ordinal) || trimmed.StartsWith("~~~", StringComparison.Ordinal);
            var standsAlone = fenced || trimmed.StartsWith('|');
            if (trimmed.Length == 0 || isFence || standsAlone || StartsItem(trimmed))
            {
                Sentences(text, paragraphStart, offset, units);
                paragraphStart = -1;
            }
            if (isFence)
            {
                fenced = !fenced;
            }
            else if (standsAlone)
            {
                if (!IsTableRule(trimmed))
                {
                    Add(text, offset, lineEnd, units, startsBlock: false);
                }
            }
            else if (trimmed.Length > 0 && paragraphStart < 0)
            {
                paragraphStart = offset;
            }
            offset = lineEnd + 1;
        }
        Sentences(text, paragraphStart, end, units);
        return units;
    }

    public static int CountWords(ReadOnlySpan<char> text)
    {
        var words = 0;
        var inside = false;
        foreach (var c in text)
        {
            var letter = char.IsLetterOrDigit(c);
            if (letter && !inside)
            {
                words++;
            }
            inside = letter || (inside && c is '\'' or '-' or '_');
        }
        return words;
    }

    private static void Sentences(string text, int start, int end, List<TextUnit> units)
    {
        if (start < 0)
        {
            return;
        }
        var sentenceStart = start;
        for (var i = start; i < end; i++)
        {
            if (text[i] is not ('.' or '!' or '?'))
            {
                continue;
            }
            var after = i + 1;
            while (after < end && text[after] is '"' or '\'' or ')' or '*' or '_' or '”' or '`')
            {
                after++;
            }
            if (after < end && char.IsWhiteSpace(text[after]) && StartsSentence(text, after, end) && !IsAbbreviation(text, sentenceStart, i))
            {
                Add(text, sentenceStart, after, units, sentenceStart == start);
                sentenceStart = after;
            }
        }
        Add(text, sentenceStart, end, units, sentenceStart == start);
    }

    private static void Add(string text, int start, int end, List<TextUnit> units, bool startsBlock)
    {
        while (start < end && char.IsWhiteSpace(text[start]))
        {
            start++;
        }
        while (end > start && char.IsWhiteSpace(text[end - 1]))
        {
            end--;
        }
        var words = CountWords(text.AsSpan(start, end - start));
        if (words > 0)
        {
            units.Add(new TextUnit(start, end, words, startsBlock));
        }
    }

    private static bool StartsSentence(string text, int at, int end)
    {
        while (at < end && char.IsWhiteSpace(text[at]))
        {
            at++;
        }
        return at >= end || char.IsUpper(text[at]) || char.IsDigit(text[at]) || text[at] is '"' or '`' or '*' or '_' or '(' or '[' or '“';
    }

    private static bool IsAbbreviation(string text, int start, int dot)
    {
        if (text[dot] != '.')
        {
            return false;
        }
        var wordStart = dot;
        while (wordStart > start && (char.IsLetter(text[wordStart - 1]) || text[wordStart - 1] == '.'))
        {
            wordStart--;
        }
        var word = text.AsSpan(wordStart, dot - wordStart);
        if (word.Length == 1 && char.IsUpper(word[0]))
        {
            return true;
        }
        foreach (var abbreviation in Abbreviations)
        {
            if (word.Equals(abbreviation, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }
        return false;
    }

    private static bool StartsItem(ReadOnlySpan<char> trimmed)
    {
        if (trimmed.StartsWith("- ", StringComparison.Ordinal) || trimmed.StartsWith("* ", StringComparison.Ordinal) || trimmed.StartsWith("+ ", StringComparison.Ordinal))
        {
            return true;
        }
        var digits = 0;
        while (digits < trimmed.Length && char.IsAsciiDigit(trimmed[digits]))
        {
            digits++;
        }
        return digits is > 0 and < 4 && digits + 1 < trimmed.Length && trimmed[digits] is '.' or ')' && trimmed[digits + 1] == ' ';
    }

    private static bool IsTableRule(ReadOnlySpan<char> trimmed) => trimmed.IndexOfAnyExcept("|-: ") < 0;
}
