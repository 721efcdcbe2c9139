namespace MiniMilvus.Core.Expressions;

internal enum FilterTokenKind
{
    End,
    Name,
    /// <summary>A word with a meaning; its text is lower-case.</summary>
    Keyword,
    Integer,
    Float,
    Text,
    /// <summary>{name}</summary>
    Template,
    /// <summary>An operator or a bracket.</summary>
    Symbol,
}

/// <param name="Text">The name, keyword, symbol or unquoted string.</param>
/// <param name="Integer">The magnitude of an integer literal; its sign is an operator before it.</param>
internal readonly record struct FilterToken(FilterTokenKind Kind, int Position, string Text, ulong Integer = 0, double Float = 0)
{
    public bool Is(string symbolOrKeyword) => Kind is FilterTokenKind.Symbol or FilterTokenKind.Keyword && Text == symbolOrKeyword;

    public override string ToString() => Kind switch
    {
        FilterTokenKind.End => "the end",
        FilterTokenKind.Text => $"the string '{Text}'",
        FilterTokenKind.Integer => Integer.ToString(System.Globalization.CultureInfo.InvariantCulture),
        FilterTokenKind.Float => Float.ToString("R", System.Globalization.CultureInfo.InvariantCulture),
        FilterTokenKind.Template => $"{{{Text}}}",
        _ => $"'{Text}'",
    };
}
