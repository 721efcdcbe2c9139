using MiniMilvus.Core.Expressions;
using MiniMilvus.Core.Rows;

namespace MiniMilvus.Index.Filters;

/// <summary>An operand bound to the columns of a batch: yields the value of a row, null where there is none.</summary>
internal abstract class RowOperand
{
    public abstract FilterValue At(int row);

    public static RowOperand Bind(FilterOperand operand, in ColumnBatch batch) => operand switch
    {
        ConstantOperand o => new ConstantValue(o.Value),
        FieldOperand o => batch.Find(o.Field.Id) switch
        {
            ScalarColumn<bool> c => new ColumnValue<bool>(c, static v => FilterValue.Of(v)),
            ScalarColumn<int> c => new ColumnValue<int>(c, static v => FilterValue.Of((long)v)),
            ScalarColumn<long> c => new ColumnValue<long>(c, static v => FilterValue.Of(v)),
            ScalarColumn<float> c => new ColumnValue<float>(c, static v => FilterValue.Of((double)v)),
            ScalarColumn<double> c => new ColumnValue<double>(c, static v => FilterValue.Of(v)),
            StringColumn c => new TextValue(c),
            _ => new ConstantValue(FilterValue.Null),
        },
        JsonOperand o => batch.Find(o.Field.Id) is JsonColumn c ? new JsonValue(c, new JsonPath(o.Path)) : new ConstantValue(FilterValue.Null),
        ArrayLengthOperand o => batch.Find(o.Array.Field.Id) is JsonColumn c ? new ArrayLengthValue(c, new JsonPath(o.Array.Path)) : new ConstantValue(FilterValue.Null),
        ArithmeticOperand o => new ArithmeticValue(Bind(o.Left, batch), o.Operator, Bind(o.Right, batch)),
        _ => throw new NotSupportedException(operand.GetType().Name),
    };

    private sealed class ConstantValue(FilterValue value) : RowOperand
    {
        public override FilterValue At(int row) => value;
    }

    private sealed class ColumnValue<T>(ScalarColumn<T> column, Func<T, FilterValue> convert) : RowOperand
        where T : unmanaged
    {
        public override FilterValue At(int row) => column.IsNull(row) ? FilterValue.Null : convert(column.Values.Span[row]);
    }

    private sealed class TextValue(StringColumn column) : RowOperand
    {
        public override FilterValue At(int row) => column.IsNull(row) ? FilterValue.Null : FilterValue.Of(column.Values.Span[row]);
    }

    private sealed class JsonValue(JsonColumn column, JsonPath path) : RowOperand
    {
        public override FilterValue At(int row) => column.IsNull(row) ? FilterValue.Null : path.Read(column.Values.Span[row].Span);
    }

    private sealed class ArrayLengthValue(JsonColumn column, JsonPath path) : RowOperand
    {
        private readonly List<FilterValue> _elements = [];

        public override FilterValue At(int row) =>
            !column.IsNull(row) && path.TryReadArray(column.Values.Span[row].Span, _elements) ? FilterValue.Of((long)_elements.Count) : FilterValue.Null;
    }

    private sealed class ArithmeticValue(RowOperand left, ArithmeticOperator op, RowOperand right) : RowOperand
    {
        public override FilterValue At(int row) => ArithmeticOperand.Compute(left.At(row), op, right.At(row));
    }
}
