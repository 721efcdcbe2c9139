using System.Globalization;

namespace MiniMilvus.Core.Expressions;

/// <summary>What kind of value an operand yields. <see cref="Json"/> is known only row by row.</summary>
public enum FilterValueKind
{
    /// <summary>Null, missing, or not computable: no comparison with it is true or false.</summary>
    None,
    Bool,
    Int,
    Float,
    Text,
    /// <summary>A JSON object or array: present, but comparable with nothing.</summary>
    Other,
    /// <summary>Decided by each row's document; only the static kind of an operand.</summary>
    Json,
}

/// <summary>One value inside a filter: a constant, or what an operand yields for a row.</summary>
public readonly record struct FilterValue
{
    private readonly long _bits;
    private readonly string? _text;

    private FilterValue(FilterValueKind kind, long bits, string? text)
    {
        Kind = kind;
        _bits = bits;
        _text = text;
    }

    public static readonly FilterValue Null;
    public static readonly FilterValue Other = new(FilterValueKind.Other, 0, null);

    public FilterValueKind Kind { get; }
    public bool IsNumber => Kind is FilterValueKind.Int or FilterValueKind.Float;
    public bool Bool => _bits != 0;
    public long Int => _bits;
    public string Text => _text ?? "";

    /// <summary>The number as a double, whichever kind of number it is.</summary>
    public double Number => Kind == FilterValueKind.Int ? _bits : BitConverter.Int64BitsToDouble(_bits);

    public static FilterValue Of(bool value) => new(FilterValueKind.Bool, value ? 1 : 0, null);
    public static FilterValue Of(long value) => new(FilterValueKind.Int, value, null);
    public static FilterValue Of(double value) => new(FilterValueKind.Float, BitConverter.DoubleToInt64Bits(value), null);
    public static FilterValue Of(string value) => new(FilterValueKind.Text, 0, value);

    /// <summary>True when both have the same kind (all numbers are one kind) and are equal.</summary>
    public static bool AreEqual(in FilterValue a, in FilterValue b) =>
        a.Kind == FilterValueKind.Int && b.Kind == FilterValueKind.Int ? a._bits == b._bits
        : a.IsNumber && b.IsNumber ? a.Number == b.Number
        : a.Kind == b.Kind && a.Kind switch
        {
            FilterValueKind.Bool => a.Bool == b.Bool,
            FilterValueKind.Text => a.Text == b.Text,
            _ => false,
        };

    /// <summary>Whether <c>a op b</c> holds. Values of different kinds are unequal and unordered; callers rule out null first.</summary>
    public static bool Holds(in FilterValue a, CompareOperator op, in FilterValue b)
    {
        switch (op)
        {
            case CompareOperator.Equal:
                return AreEqual(a, b);
            case CompareOperator.NotEqual:
                return !AreEqual(a, b);
        }

        if (a.Kind == FilterValueKind.Text && b.Kind == FilterValueKind.Text)
        {
            return Ordered(string.CompareOrdinal(a.Text, b.Text), op);
        }

        if (!a.IsNumber || !b.IsNumber)
        {
            return false;
        }

        if (a.Kind == FilterValueKind.Int && b.Kind == FilterValueKind.Int)
        {
            return Ordered(a._bits.CompareTo(b._bits), op);
        }

        var (x, y) = (a.Number, b.Number);
        return op switch
        {
            CompareOperator.Less => x < y,
            CompareOperator.LessOrEqual => x <= y,
            CompareOperator.Greater => x > y,
            _ => x >= y,
        };
    }

    private static bool Ordered(int order, CompareOperator op) => op switch
    {
        CompareOperator.Less => order < 0,
        CompareOperator.LessOrEqual => order <= 0,
        CompareOperator.Greater => order > 0,
        _ => order >= 0,
    };

    public override string ToString() => Kind switch
    {
        FilterValueKind.Bool => Bool ? "true" : "false",
        FilterValueKind.Int => _bits.ToString(CultureInfo.InvariantCulture),
        FilterValueKind.Float => Number.ToString("R", CultureInfo.InvariantCulture),
        FilterValueKind.Text => $"'{Text}'",
        FilterValueKind.None => "null",
        _ => "(object)",
    };
}
