using System.Text;

namespace MiniMilvus.Core.Expressions;

/// <summary>
/// A compiled LIKE pattern: <c>%</c> any run, <c>_</c> any one character, <c>\</c> takes the next character as it is. Matching never backtracks
/// further than the last <c>%</c>, so it costs at most text × pattern.
/// </summary>
public sealed record LikePattern
{
    private const char Any = '%';
    private const char One = '_';
    private readonly char[] _characters;
    private readonly bool[] _isLiteral;
    private readonly string? _prefix;

    public LikePattern(string text)
    {
        Text = text;
        var characters = new StringBuilder(text.Length);
        var literal = new List<bool>(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            var escaped = text[i] == '\\' && i + 1 < text.Length;
            i += escaped ? 1 : 0;
            var isLiteral = escaped || text[i] is not (Any or One);
            if (!isLiteral && text[i] == Any && literal.Count > 0 && !literal[^1] && characters[^1] == Any)
            {
                continue;
            }

            characters.Append(text[i]);
            literal.Add(isLiteral);
        }

        _characters = characters.ToString().ToCharArray();
        _isLiteral = [.. literal];
        var wild = Array.IndexOf(_isLiteral, false);
        if (wild < 0)
        {
            wild = _characters.Length;
        }

        if (wild == _characters.Length - 1 && _characters[wild] == Any)
        {
            _prefix = new string(_characters, 0, wild);
        }
    }

    /// <summary>The pattern as written.</summary>
    public string Text { get; }

    public bool IsMatch(string value)
    {
        if (_prefix is not null)
        {
            return value.StartsWith(_prefix, StringComparison.Ordinal);
        }

        int at = 0, pattern = 0, retryPattern = -1, retryAt = 0;
        while (at < value.Length)
        {
            if (pattern < _characters.Length && IsAny(pattern))
            {
                retryPattern = ++pattern;
                retryAt = at;
            }
            else if (pattern < _characters.Length && !_isLiteral[pattern])
            {
                at += Width(value, at);
                pattern++;
            }
            else if (pattern < _characters.Length && _characters[pattern] == value[at])
            {
                at++;
                pattern++;
            }
            else if (retryPattern >= 0)
            {
                pattern = retryPattern;
                retryAt += Width(value, retryAt);
                at = retryAt;
            }
            else
            {
                return false;
            }
        }

        while (pattern < _characters.Length && IsAny(pattern))
        {
            pattern++;
        }

        return pattern == _characters.Length;
    }

    public bool Equals(LikePattern? other) => other is not null && Text == other.Text;

    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    private bool IsAny(int index) => !_isLiteral[index] && _characters[index] == Any;

    private static int Width(string value, int at) =>
        char.IsHighSurrogate(value[at]) && at + 1 < value.Length && char.IsLowSurrogate(value[at + 1]) ? 2 : 1;
}
