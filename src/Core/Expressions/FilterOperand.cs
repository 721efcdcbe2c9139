using System.Collections.Immutable;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Core.Expressions;

public enum ArithmeticOperator
{
    Add,
    Subtract,
    Multiply,
    /// <summary>On two integers it truncates; by zero it is unknown.</summary>
    Divide,
    Modulo,
    Power,
}

/// <summary>Something in a filter that yields a value for a row.</summary>
public abstract record FilterOperand
{
    private protected FilterOperand()
    {
    }

    /// <summary>What it yields, as far as the schema tells.</summary>
    public abstract FilterValueKind Kind { get; }

    /// <summary>Levels below it, for the bound on nesting.</summary>
    public virtual int Depth => 1;

    public bool MayBeNumber => Kind is FilterValueKind.Int or FilterValueKind.Float or FilterValueKind.Json;
}

public sealed record ConstantOperand(FilterValue Value) : FilterOperand
{
    public override FilterValueKind Kind => Value.Kind;
}

/// <summary>A declared scalar field.</summary>
public sealed record FieldOperand(FieldSchema Field) : FilterOperand
{
    public override FilterValueKind Kind => Field.Type switch
    {
        DataType.Bool => FilterValueKind.Bool,
        DataType.Int8 or DataType.Int16 or DataType.Int32 or DataType.Int64 => FilterValueKind.Int,
        DataType.Float or DataType.Double => FilterValueKind.Float,
        _ => FilterValueKind.Text,
    };
}

/// <summary>A step into a JSON document: a key, or, when <see cref="Key"/> is null, an index.</summary>
public readonly record struct JsonStep(string? Key, int Index = 0);

/// <summary>A path into a JSON field or into the dynamic field; an empty path is the whole document.</summary>
public sealed record JsonOperand(FieldSchema Field, ImmutableArray<JsonStep> Path) : FilterOperand
{
    public override FilterValueKind Kind => FilterValueKind.Json;
}

/// <summary>On integers it is 64-bit; an overflow is unknown.</summary>
public sealed record ArithmeticOperand(FilterOperand Left, ArithmeticOperator Operator, FilterOperand Right) : FilterOperand
{
    private readonly int _depth = 1 + Math.Max(Left.Depth, Right.Depth);

    public override FilterValueKind Kind =>
        Left.Kind == FilterValueKind.Int && Right.Kind == FilterValueKind.Int ? FilterValueKind.Int
        : Left.Kind == FilterValueKind.Json || Right.Kind == FilterValueKind.Json ? FilterValueKind.Json
        : FilterValueKind.Float;

    public override int Depth => _depth;

    /// <summary>Computes; null when an operand is no number, a divisor is zero, or an integer overflows.</summary>
    public static FilterValue Compute(in FilterValue left, ArithmeticOperator op, in FilterValue right)
    {
        if (!left.IsNumber || !right.IsNumber)
        {
            return FilterValue.Null;
        }

        if (left.Kind == FilterValueKind.Int && right.Kind == FilterValueKind.Int)
        {
            return Integers(left.Int, op, right.Int);
        }

        var (x, y) = (left.Number, right.Number);
        return op switch
        {
            ArithmeticOperator.Add => FilterValue.Of(x + y),
            ArithmeticOperator.Subtract => FilterValue.Of(x - y),
            ArithmeticOperator.Multiply => FilterValue.Of(x * y),
            ArithmeticOperator.Divide => y == 0 ? FilterValue.Null : FilterValue.Of(x / y),
            ArithmeticOperator.Modulo => y == 0 ? FilterValue.Null : FilterValue.Of(x % y),
            _ => FilterValue.Of(Math.Pow(x, y)),
        };
    }

    private static FilterValue Integers(long x, ArithmeticOperator op, long y)
    {
        Int128 wide;
        switch (op)
        {
            case ArithmeticOperator.Add: wide = (Int128)x + y; break;
            case ArithmeticOperator.Subtract: wide = (Int128)x - y; break;
            case ArithmeticOperator.Multiply: wide = (Int128)x * y; break;
            case ArithmeticOperator.Divide when y != 0: wide = (Int128)x / y; break;
            case ArithmeticOperator.Modulo when y != 0: wide = (Int128)x % y; break;
            case ArithmeticOperator.Power when y < 0: return FilterValue.Of(Math.Pow(x, y));
            case ArithmeticOperator.Power: return Power(x, y);
            default: return FilterValue.Null;
        }

        return wide < long.MinValue || wide > long.MaxValue ? FilterValue.Null : FilterValue.Of((long)wide);
    }

    private static FilterValue Power(long x, long y)
    {
        if (x is 0 or 1 || y == 0)
        {
            return FilterValue.Of(y == 0 ? 1L : x);
        }

        if (x == -1)
        {
            return FilterValue.Of((y & 1) == 0 ? 1L : -1L);
        }

        // |x| ≥ 2, so the loop leaves 64 bits within 64 turns.
        Int128 product = 1;
        for (long i = 0; i < y; i++)
        {
            product *= x;
            if (product < long.MinValue || product > long.MaxValue)
            {
                return FilterValue.Null;
            }
        }

        return FilterValue.Of((long)product);
    }
}

/// <summary>array_length of a JSON array; null where the path leads to no array.</summary>
public sealed record ArrayLengthOperand(JsonOperand Array) : FilterOperand
{
    public override FilterValueKind Kind => FilterValueKind.Int;
}
