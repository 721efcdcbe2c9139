using System.Collections.Immutable;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Core.Expressions;

public enum CompareOperator
{
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// <summary>How many of the listed values a JSON array must hold.</summary>
public enum ContainsMode
{
    /// <summary>json_contains_any</summary>
    Any,
    /// <summary>json_contains_all</summary>
    All,
}

/// <summary>
/// A filter, parsed and checked against a schema: Milvus's boolean expressions as an immutable tree. A node is true, false or unknown for a
/// row, as in SQL: whatever touches null is unknown, and only rows for which the root is true match. Templates are already filled in, and
/// <see cref="FilterExpression.ToText"/> renders a text that parses to the same tree: what a proxy sends on.
/// </summary>
public abstract record FilterExpression
{
    /// <summary>UTF-16 characters of a filter's text at most.</summary>
    public const int TextLengthMax = 1 << 20;

    /// <summary>Levels of nesting at most.</summary>
    public const int DepthMax = 200;

    private protected FilterExpression()
    {
    }

    /// <summary>
    /// Parses a filter; null = no filter (the text is blank). Throws Invalid (with reason FieldNotFound for an unknown name), saying where,
    /// what was expected and what was found.
    /// </summary>
    /// <param name="templates">Values for <c>{name}</c>: bool, integers, floats, strings, and enumerables of them.</param>
    public static FilterExpression? Parse(string text, CollectionSchema schema, IReadOnlyDictionary<string, object>? templates = null) =>
        FilterParser.Parse(text, schema, templates);

    /// <summary>
    /// The primary keys when the filter is exactly <c>pk == constant</c> or <c>pk in [constants]</c>, each once, in the order given; else null.
    /// </summary>
    public static ImmutableArray<PrimaryKey>? TryGetPrimaryKeys(FilterExpression? filter, CollectionSchema schema) =>
        PrimaryKeyFilter.TryGet(filter, schema);

    /// <summary>A text that parses to this tree again.</summary>
    public string ToText() => FilterWriter.Write(this);
}

public sealed record ConstantFilter(bool Value) : FilterExpression;

/// <summary>At least two parts.</summary>
public sealed record AndFilter(ImmutableArray<FilterExpression> Parts) : FilterExpression;

/// <summary>At least two parts.</summary>
public sealed record OrFilter(ImmutableArray<FilterExpression> Parts) : FilterExpression;

public sealed record NotFilter(FilterExpression Inner) : FilterExpression;

public sealed record CompareFilter(FilterOperand Left, CompareOperator Operator, FilterOperand Right) : FilterExpression;

public sealed record InFilter(FilterOperand Operand, ImmutableArray<FilterValue> Values) : FilterExpression;

public sealed record LikeFilter(FilterOperand Operand, LikePattern Pattern) : FilterExpression;

/// <summary>True or false, never unknown.</summary>
public sealed record IsNullFilter(FilterOperand Operand) : FilterExpression;

/// <summary>True when the path leads to a value that is not null; never unknown.</summary>
public sealed record ExistsFilter(JsonOperand Operand) : FilterExpression;

/// <summary>json_contains and its kin; unknown where the path leads to no array.</summary>
public sealed record ContainsFilter(JsonOperand Operand, ContainsMode Mode, ImmutableArray<FilterValue> Values) : FilterExpression;
