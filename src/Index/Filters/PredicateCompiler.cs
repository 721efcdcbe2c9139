using System.Collections.Immutable;
using MiniMilvus.Core.Expressions;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Index.Filters;

/// <summary>Chooses a node for each part of a filter, with negations pushed down (De Morgan).</summary>
internal static class PredicateCompiler
{
    public static PredicateNode Compile(FilterExpression filter, bool isNegated) => filter switch
    {
        ConstantFilter f => new ConstantNode(f.Value != isNegated),
        NotFilter f => Compile(f.Inner, !isNegated),
        AndFilter f => new JoinNode([.. f.Parts.Select(p => Compile(p, isNegated))], isAnd: !isNegated),
        OrFilter f => new JoinNode([.. f.Parts.Select(p => Compile(p, isNegated))], isAnd: isNegated),
        CompareFilter f => Compare(f, isNegated),
        InFilter f => In(f, isNegated),
        LikeFilter { Operand: FieldOperand { Kind: FilterValueKind.Text } field } f => new TextNode(field.Field.Id, f.Pattern.IsMatch, isNegated),
        LikeFilter f => new LikeRowNode(f.Operand, f.Pattern, isNegated),
        IsNullFilter { Operand: FieldOperand field } => new FieldNullNode(field.Field.Id, isNegated),
        IsNullFilter { Operand: JsonOperand json } => new JsonNullNode(json, isNegated),
        ExistsFilter f => new JsonNullNode(f.Operand, !isNegated),
        ContainsFilter f => new ContainsNode(f.Operand, f.Mode, f.Values, isNegated),
        _ => throw new NotSupportedException(filter.GetType().Name),
    };

    private static PredicateNode Compare(CompareFilter filter, bool isNegated)
    {
        var (left, op, right) = (filter.Left, filter.Operator, filter.Right);
        if (left is ConstantOperand && right is not ConstantOperand) (left, op, right) = (right, Mirror(op), left);
        if (left is FieldOperand field && right is ConstantOperand constant)
        {
            FilterValue value = AsStored(field.Field, constant.Value);
            if (TryFast(field.Field, op, value, isNegated) is { } fast) return fast;
            right = new ConstantOperand(value);
        }

        return new CompareRowNode(left, op, right, isNegated);
    }

    private static PredicateNode? TryFast(FieldSchema field, CompareOperator op, FilterValue value, bool isNegated) => field.Type switch
    {
        DataType.Int8 or DataType.Int16 or DataType.Int32 when value.Kind == FilterValueKind.Int && value.Int is >= int.MinValue and <= int.MaxValue =>
            new ScalarCompareNode<int>(field.Id, op, (int)value.Int, isNegated),
        DataType.Int64 when value.Kind == FilterValueKind.Int => new ScalarCompareNode<long>(field.Id, op, value.Int, isNegated),
        DataType.Float when value.IsNumber => new ScalarCompareNode<float>(field.Id, op, (float)value.Number, isNegated),
        DataType.Double when value.IsNumber => new ScalarCompareNode<double>(field.Id, op, value.Number, isNegated),
        DataType.VarChar or DataType.String when value.Kind == FilterValueKind.Text => new TextNode(field.Id, TextTest(op, value), isNegated),
        _ => null,
    };

    private static Func<string, bool> TextTest(CompareOperator op, FilterValue value)
    {
        string text = value.Text;
        return op switch
        {
            CompareOperator.Equal => found => found == text,
            CompareOperator.NotEqual => found => found != text,
            CompareOperator.Less => found => string.CompareOrdinal(found, text) < 0,
            CompareOperator.LessOrEqual => found => string.CompareOrdinal(found, text) <= 0,
            CompareOperator.Greater => found => string.CompareOrdinal(found, text) > 0,
            _ => found => string.CompareOrdinal(found, text) >= 0,
        };
    }

    private static PredicateNode In(InFilter filter, bool isNegated)
    {
        if (filter.Operand is not FieldOperand field) return new InRowNode(filter.Operand, new ConstantSet(filter.Values), isNegated);
        var set = new ConstantSet([.. filter.Values.Select(v => AsStored(field.Field, v))]);
        return field.Kind switch
        {
            FilterValueKind.Int when set.HasOnlyIntegers => new IntegerInNode(field.Field.Id, set, isNegated),
            FilterValueKind.Text => new TextNode(field.Field.Id, set.Contains, isNegated),
            _ => new InRowNode(field, set, isNegated),
        };
    }

    // A Float column holds 0.1f, which is not 0.1: the constant is rounded as the stored value was.
    private static FilterValue AsStored(FieldSchema field, FilterValue value) =>
        field.Type == DataType.Float && value.IsNumber ? FilterValue.Of((double)(float)value.Number) : value;

    private static CompareOperator Mirror(CompareOperator op) => op switch
    {
        CompareOperator.Less => CompareOperator.Greater,
        CompareOperator.LessOrEqual => CompareOperator.GreaterOrEqual,
        CompareOperator.Greater => CompareOperator.Less,
        CompareOperator.GreaterOrEqual => CompareOperator.LessOrEqual,
        _ => op,
    };
}
