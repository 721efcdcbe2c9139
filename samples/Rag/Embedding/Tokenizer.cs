using System.Text;

namespace MiniMilvus.Rag.Embedding;

/// <summary>A content word as it stands in a text: its stem and where it is.</summary>
internal readonly record struct Token(string Stem, int Start, int Length);

/// <summary>
/// Cuts text into stemmed content words. A compound such as <c>QueryNode</c> or <c>read-your-writes</c> gives its parts, and, when joined by capitals,
/// the whole as well, so that "query node" and "QueryNode" find each other.
/// </summary>
internal static class Tokenizer
{
    public const int WordCharsMax = 64;

    public static IEnumerable<Token> Tokens(string text)
    {
        var position = 0;
        while (position < text.Length)
        {
            if (!char.IsLetterOrDigit(text[position]))
            {
                position++;
                continue;
            }
            var start = position;
            while (position < text.Length && (char.IsLetterOrDigit(text[position]) || IsApostropheInside(text, position)))
            {
                position++;
            }
            var humps = Humps(text, start, position);
            foreach (var (from, to) in humps)
            {
                if (Make(text, from, to) is { } part)
                {
                    yield return part;
                }
            }
            if (humps.Count > 1 && Make(text, start, position) is { } whole)
            {
                yield return whole;
            }
        }
    }

    public static IEnumerable<string> Stems(string text) => Tokens(text).Select(t => t.Stem);

    private static Token? Make(string text, int start, int end)
    {
        var builder = new StringBuilder(end - start);
        for (var i = start; i < end && builder.Length < WordCharsMax; i++)
        {
            if (text[i] is not ('\'' or '’'))
            {
                builder.Append(char.ToLowerInvariant(text[i]));
            }
        }
        var possessive = end - start > 2 && text[end - 1] is 's' && text[end - 2] is '\'' or '’';
        if (possessive)
        {
            builder.Length--;
        }
        var word = builder.ToString();
        if (StopWords.Contains(word) || (word.Length == 1 && !char.IsDigit(word[0])))
        {
            return null;
        }
        return new Token(PorterStemmer.Stem(word), start, end - start);
    }

    // QueryNode -> Query, Node; tSafe and HNSW stay whole.
    private static List<(int From, int To)> Humps(string text, int start, int end)
    {
        var humps = new List<(int, int)>();
        var from = start;
        for (var i = start + 1; i < end; i++)
        {
            if (char.IsUpper(text[i]) && char.IsLower(text[i - 1]) && i - from >= 3 && i + 1 < end && char.IsLower(text[i + 1]))
            {
                humps.Add((from, i));
                from = i;
            }
        }
        humps.Add((from, end));
        return humps;
    }

    private static bool IsApostropheInside(string text, int i) =>
        text[i] is '\'' or '’' && i > 0 && i + 1 < text.Length && char.IsLetter(text[i - 1]) && char.IsLetter(text[i + 1]);
}
