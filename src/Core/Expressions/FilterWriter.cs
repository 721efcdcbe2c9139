using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Core.Expressions;

/// <summary>Renders a filter as text that parses to the same tree. Parentheses appear around every part that could be read otherwise.</summary>
internal static class FilterWriter
{
    public static string Write(FilterExpression filter)
    {
        var to = new StringBuilder();
        Write(filter, to);
        return to.ToString();
    }

    private static void Write(FilterExpression filter, StringBuilder to)
    {
        switch (filter)
        {
            case ConstantFilter f: to.Append(f.Value ? "true" : "false"); break;
            case AndFilter f: Join(f.Parts, " and ", to); break;
            case OrFilter f: Join(f.Parts, " or ", to); break;
            case NotFilter f:
                to.Append("not ");
                WritePart(f.Inner, f.Inner is AndFilter or OrFilter, to);
                break;
            case CompareFilter f:
                Write(f.Left, to);
                to.Append(Symbol(f.Operator));
                Write(f.Right, to);
                break;
            case InFilter f:
                Write(f.Operand, to);
                to.Append(" in ");
                Write(f.Values, to);
                break;
            case LikeFilter f:
                Write(f.Operand, to);
                to.Append(" like ");
                Quote(f.Pattern.Text, to);
                break;
            case IsNullFilter f:
                Write(f.Operand, to);
                to.Append(" is null");
                break;
            case ExistsFilter f:
                to.Append("exists ");
                Write(f.Operand, to);
                break;
            case ContainsFilter f:
                to.Append(f.Mode == ContainsMode.All ? "json_contains_all(" : "json_contains_any(");
                Write(f.Operand, to);
                to.Append(", ");
                Write(f.Values, to);
                to.Append(')');
                break;
            default:
                throw new NotSupportedException(filter.GetType().Name);
        }
    }

    // No more parentheses than needed: the text must not nest deeper than the one that was parsed.
    private static void Join(ImmutableArray<FilterExpression> parts, string word, StringBuilder to)
    {
        for (var i = 0; i < parts.Length; i++)
        {
            to.Append(i == 0 ? "" : word);
            WritePart(parts[i], parts[i] is OrFilter || (parts[i] is AndFilter && word == " and "), to);
        }
    }

    private static void WritePart(FilterExpression part, bool isEnclosed, StringBuilder to)
    {
        to.Append(isEnclosed ? "(" : "");
        Write(part, to);
        to.Append(isEnclosed ? ")" : "");
    }

    private static void Write(FilterOperand operand, StringBuilder to)
    {
        switch (operand)
        {
            case ConstantOperand o:
                Write(o.Value, to);
                break;
            case FieldOperand o:
                to.Append(o.Field.Name);
                break;
            case JsonOperand o:
                to.Append(o.Field.IsDynamic ? CollectionSchema.DynamicFieldName : o.Field.Name);
                foreach (var step in o.Path)
                {
                    to.Append('[');
                    if (step.Key is { } key)
                    {
                        Quote(key, to);
                    }
                    else
                    {
                        to.Append(step.Index.ToString(CultureInfo.InvariantCulture));
                    }

                    to.Append(']');
                }

                break;
            case ArithmeticOperand o:
                WriteTerm(o.Left, Rank(o.Left) < Rank(o) || o.Operator == ArithmeticOperator.Power, to);
                to.Append(o.Operator switch
                {
                    ArithmeticOperator.Add => " + ",
                    ArithmeticOperator.Subtract => " - ",
                    ArithmeticOperator.Multiply => " * ",
                    ArithmeticOperator.Divide => " / ",
                    ArithmeticOperator.Modulo => " % ",
                    _ => " ** ",
                });
                WriteTerm(o.Right, Rank(o.Right) < Rank(o) || (Rank(o.Right) == Rank(o) && o.Operator != ArithmeticOperator.Power), to);
                break;
            case ArrayLengthOperand o:
                to.Append("array_length(");
                Write(o.Array, to);
                to.Append(')');
                break;
            default:
                throw new NotSupportedException(operand.GetType().Name);
        }
    }

    private static void WriteTerm(FilterOperand operand, bool isEnclosed, StringBuilder to)
    {
        // −2 ** x would be read as −(2 ** x).
        isEnclosed = operand is ArithmeticOperand ? isEnclosed
            : operand is ConstantOperand { Value: { IsNumber: true } value } && (value.Number < 0 || double.IsNegative(value.Number));
        to.Append(isEnclosed ? "(" : "");
        Write(operand, to);
        to.Append(isEnclosed ? ")" : "");
    }

    private static int Rank(FilterOperand operand) => operand is not ArithmeticOperand arithmetic ? 4 : arithmetic.Operator switch
    {
        ArithmeticOperator.Add or ArithmeticOperator.Subtract => 1,
        ArithmeticOperator.Power => 3,
        _ => 2,
    };

    private static void Write(ImmutableArray<FilterValue> values, StringBuilder to)
    {
        to.Append('[');
        for (var i = 0; i < values.Length; i++)
        {
            to.Append(i == 0 ? "" : ", ");
            Write(values[i], to);
        }

        to.Append(']');
    }

    private static void Write(in FilterValue value, StringBuilder to)
    {
        switch (value.Kind)
        {
            case FilterValueKind.Text:
                Quote(value.Text, to);
                break;
            case FilterValueKind.Float:
                var text = value.Number.ToString("R", CultureInfo.InvariantCulture);
                // An integral float must stay a float.
                to.Append(text.AsSpan().ContainsAny(".eE") ? text : text + ".0");
                break;
            default:
                to.Append(value.ToString());
                break;
        }
    }

    private static void Quote(string text, StringBuilder to)
    {
        to.Append('\'');
        foreach (var c in text)
        {
            if (c is '\'' or '\\')
            {
                to.Append('\\');
            }

            to.Append(c);
        }

        to.Append('\'');
    }

    private static string Symbol(CompareOperator op) => op switch
    {
        CompareOperator.Equal => " == ",
        CompareOperator.NotEqual => " != ",
        CompareOperator.Less => " < ",
        CompareOperator.LessOrEqual => " <= ",
        CompareOperator.Greater => " > ",
        _ => " >= ",
    };
}
