using System.Collections.Immutable;
using MiniMilvus.Core.Expressions;
using MiniMilvus.Core.Rows;

namespace MiniMilvus.Index.Filters;

/// <summary>Whatever has no loop of its own: operands are bound to the batch once, then asked row by row.</summary>
internal abstract class RowNode(bool isNegated) : PredicateNode
{
    /// <summary>The test of a row: null = unknown.</summary>
    protected abstract Func<int, bool?> Bind(in ColumnBatch batch);

    public override void Evaluate(in ColumnBatch batch, Span<ulong> into)
    {
        into.Clear();
        Func<int, bool?> test = Bind(batch);
        for (int row = 0; row < batch.Rows; row++)
        {
            if (test(row) == !isNegated) into[row >> 6] |= 1UL << row;
        }
    }
}

internal sealed class CompareRowNode(FilterOperand left, CompareOperator op, FilterOperand right, bool isNegated) : RowNode(isNegated)
{
    protected override Func<int, bool?> Bind(in ColumnBatch batch)
    {
        RowOperand a = RowOperand.Bind(left, batch), b = RowOperand.Bind(right, batch);
        return row =>
        {
            FilterValue x = a.At(row), y = b.At(row);
            return x.Kind == FilterValueKind.None || y.Kind == FilterValueKind.None ? null : FilterValue.Holds(x, op, y);
        };
    }
}

internal sealed class InRowNode(FilterOperand operand, ConstantSet set, bool isNegated) : RowNode(isNegated)
{
    protected override Func<int, bool?> Bind(in ColumnBatch batch)
    {
        RowOperand bound = RowOperand.Bind(operand, batch);
        return row =>
        {
            FilterValue value = bound.At(row);
            return value.Kind == FilterValueKind.None ? null : set.Contains(value);
        };
    }
}

internal sealed class LikeRowNode(FilterOperand operand, LikePattern pattern, bool isNegated) : RowNode(isNegated)
{
    protected override Func<int, bool?> Bind(in ColumnBatch batch)
    {
        RowOperand bound = RowOperand.Bind(operand, batch);
        return row =>
        {
            FilterValue value = bound.At(row);
            return value.Kind == FilterValueKind.None ? null : value.Kind == FilterValueKind.Text && pattern.IsMatch(value.Text);
        };
    }
}

/// <summary>Whether a JSON path leads to nothing, or to null.</summary>
internal sealed class JsonNullNode(JsonOperand operand, bool isNegated) : RowNode(isNegated)
{
    protected override Func<int, bool?> Bind(in ColumnBatch batch)
    {
        RowOperand bound = RowOperand.Bind(operand, batch);
        return row => bound.At(row).Kind == FilterValueKind.None;
    }
}

internal sealed class ContainsNode(JsonOperand operand, ContainsMode mode, ImmutableArray<FilterValue> values, bool isNegated) : RowNode(isNegated)
{
    private readonly ConstantSet _set = new(values);

    protected override Func<int, bool?> Bind(in ColumnBatch batch)
    {
        if (batch.Find(operand.Field.Id) is not JsonColumn column) return static _ => null;
        var path = new JsonPath(operand.Path);
        var elements = new List<FilterValue>();
        return row =>
        {
            if (column.IsNull(row) || !path.TryReadArray(column.Values.Span[row].Span, elements)) return null;
            return mode == ContainsMode.Any ? elements.Exists(e => _set.Contains(e)) : values.All(v => elements.Exists(e => FilterValue.AreEqual(e, v)));
        };
    }
}
