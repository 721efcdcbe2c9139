using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Core.Expressions;

/// <summary>Cuts a filter's text into tokens, one at a time. Keywords count only in all-lower or all-upper case, as in Milvus.</summary>
internal sealed class FilterLexer(string text)
{
    private static readonly FrozenSet<string> s_keywords = new[]
    {
        "and", "or", "not", "in", "like", "is", "null", "exists", "true", "false",
        "json_contains", "json_contains_all", "json_contains_any", "array_contains", "array_contains_all", "array_contains_any", "array_length",
    }.ToFrozenSet(StringComparer.Ordinal);

    // Longer ones first.
    private static readonly string[] s_symbols =
        ["**", "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "+", "-", "*", "/", "%", "(", ")", "[", "]", ","];

    private int _at;

    public FilterToken Next()
    {
        while (_at < text.Length && char.IsWhiteSpace(text[_at]))
        {
            _at++;
        }

        var start = _at;
        if (start == text.Length)
        {
            return new FilterToken(FilterTokenKind.End, start, "");
        }

        var c = text[start];
        if (char.IsAsciiDigit(c) || (c == '.' && start + 1 < text.Length && char.IsAsciiDigit(text[start + 1])))
        {
            return Number(start);
        }

        if (IsNameStart(c))
        {
            return Word(start);
        }

        if (c is '\'' or '"')
        {
            return Quoted(start, c);
        }

        if (c == '{')
        {
            return Template(start);
        }

        foreach (var symbol in s_symbols)
        {
            if (string.CompareOrdinal(text, start, symbol, 0, symbol.Length) == 0)
            {
                _at += symbol.Length;
                return new FilterToken(FilterTokenKind.Symbol, start, symbol);
            }
        }

        throw Error(start, "expected an operand or an operator", $"'{c}'{(c == '=' ? " (equality is ==)" : "")}");
    }

    public MiniMilvusException Error(int position, string expected, string found, ErrorReason reason = ErrorReason.InvalidParameter)
    {
        const int around = 60;
        var from = Math.Max(0, position - around);
        var to = Math.Min(text.Length, position + around);
        var excerpt = $"{(from > 0 ? "…" : "")}{text[from..to]}{(to < text.Length ? "…" : "")}";
        return MiniMilvusException.Invalid(reason,
            string.Create(CultureInfo.InvariantCulture, $"filter, position {position}: {expected}, found {found}, in: {excerpt}"));
    }

    private static bool IsNameStart(char c) => char.IsLetter(c) || c is '_' or '$';

    private FilterToken Word(int start)
    {
        while (_at < text.Length && (IsNameStart(text[_at]) || char.IsDigit(text[_at])))
        {
            _at++;
        }

        var word = text[start.._at];
        if (word == "True" || word == "False")
        {
            return new FilterToken(FilterTokenKind.Keyword, start, word.ToLowerInvariant());
        }

        var lower = word.ToLowerInvariant();
        return s_keywords.Contains(lower) && (word == lower || !word.Any(char.IsLower))
            ? new FilterToken(FilterTokenKind.Keyword, start, lower)
            : new FilterToken(FilterTokenKind.Name, start, word);
    }

    private FilterToken Template(int start)
    {
        var end = text.IndexOf('}', start);
        var name = end < 0 ? "" : text[(start + 1)..end].Trim();
        if (name.Length == 0)
        {
            throw Error(start, "expected a template {name}", end < 0 ? "no closing brace" : "no name");
        }

        _at = end + 1;
        return new FilterToken(FilterTokenKind.Template, start, name);
    }

    private FilterToken Number(int start)
    {
        if (text[start] == '0' && start + 1 < text.Length && char.ToLowerInvariant(text[start + 1]) is 'x' or 'b' or 'o')
        {
            var radix = char.ToLowerInvariant(text[start + 1]) switch { 'x' => 16u, 'b' => 2u, _ => 8u };
            _at += 2;
            return Integer(start, _at, radix);
        }

        SkipDigits();
        var isFloat = false;
        if (_at < text.Length && text[_at] == '.')
        {
            isFloat = true;
            _at++;
            SkipDigits();
        }

        if (_at < text.Length && text[_at] is 'e' or 'E')
        {
            isFloat = true;
            _at++;
            if (_at < text.Length && text[_at] is '+' or '-')
            {
                _at++;
            }

            SkipDigits();
        }

        if (!isFloat)
        {
            var isOctal = text[start] == '0' && _at - start > 1;
            _at = start;
            return Integer(start, start, isOctal ? 8u : 10u);
        }

        RefuseNameAfterNumber(start);
        var span = text.AsSpan(start, _at - start);
        return double.TryParse(span, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value)
            ? new FilterToken(FilterTokenKind.Float, start, "", 0, value)
            : throw Error(start, "expected a finite number", $"'{span}'");
    }

    private FilterToken Integer(int start, int digits, uint radix)
    {
        ulong value = 0;
        _at = digits;
        while (_at < text.Length && Digit(text[_at]) < radix)
        {
            var wide = ((UInt128)value * radix) + Digit(text[_at++]);
            if (wide > 1UL << 63)
            {
                throw Error(start, "expected an integer of 64 bits", "a larger one");
            }

            value = (ulong)wide;
        }

        if (_at == digits)
        {
            throw Error(start, $"expected a digit below {radix}", _at < text.Length ? $"'{text[_at]}'" : "the end");
        }

        RefuseNameAfterNumber(start);
        return new FilterToken(FilterTokenKind.Integer, start, "", value);
    }

    private void RefuseNameAfterNumber(int start)
    {
        if (_at < text.Length && (IsNameStart(text[_at]) || char.IsDigit(text[_at]) || text[_at] == '.'))
        {
            throw Error(start, "expected a number", $"'{text[start..(_at + 1)]}'");
        }
    }

    private void SkipDigits()
    {
        while (_at < text.Length && char.IsAsciiDigit(text[_at]))
        {
            _at++;
        }
    }

    private static uint Digit(char c) => char.IsAsciiHexDigit(c) ? (uint)Convert.ToInt32(c.ToString(), 16) : uint.MaxValue;

    private FilterToken Quoted(int start, char quote)
    {
        var value = new StringBuilder();
        for (_at = start + 1; _at < text.Length; _at++)
        {
            var c = text[_at];
            if (c == quote)
            {
                _at++;
                return new FilterToken(FilterTokenKind.Text, start, value.ToString());
            }

            if (c == '\\' && _at + 1 < text.Length)
            {
                _at++;
                Escape(value);
            }
            else
            {
                value.Append(c);
            }
        }

        throw Error(start, $"expected a string closed by {quote}", "the end");
    }

    private void Escape(StringBuilder value)
    {
        var c = text[_at];
        switch (c)
        {
            case 'n': value.Append('\n'); break;
            case 't': value.Append('\t'); break;
            case 'r': value.Append('\r'); break;
            case 'b': value.Append('\b'); break;
            case 'f': value.Append('\f'); break;
            case '0': value.Append('\0'); break;
            case '\\' or '\'' or '"': value.Append(c); break;
            case 'x': Hex(value, 2); break;
            case 'u': Hex(value, 4); break;
            default:
                // \% and \_ are for LIKE to read.
                value.Append('\\').Append(c);
                break;
        }
    }

    private void Hex(StringBuilder value, int digits)
    {
        if (_at + digits >= text.Length || !ushort.TryParse(text.AsSpan(_at + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
        {
            throw Error(_at - 1, $"expected {digits} hex digits after \\{text[_at]}", "something else");
        }

        value.Append((char)code);
        _at += digits;
    }
}
