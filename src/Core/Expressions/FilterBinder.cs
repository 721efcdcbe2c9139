using System.Collections;
using System.Collections.Immutable;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Core.Expressions;

/// <summary>Builds nodes: binds names to fields, fills templates in, folds constants, and refuses what the types do not allow.</summary>
internal sealed class FilterBinder(FilterLexer lexer, CollectionSchema schema, IReadOnlyDictionary<string, object>? templates)
{
    public FilterOperand Field(FilterToken name, ImmutableArray<JsonStep> path)
    {
        var isDynamicName = name.Text == CollectionSchema.DynamicFieldName;
        var field = isDynamicName ? schema.DynamicField : schema.Find(name.Text);
        if (field is null)
        {
            return schema.DynamicField is { } dynamic && !isDynamicName
                ? new JsonOperand(dynamic, path.Insert(0, new JsonStep(name.Text)))
                : throw lexer.Error(name.Position, $"expected a field of collection {schema.Name}", $"field {name.Text} not exist", ErrorReason.FieldNotFound);
        }

        if (field.Type == DataType.Json)
        {
            return new JsonOperand(field, path);
        }

        if (path.Length > 0)
        {
            throw lexer.Error(name.Position, "expected a JSON field before [", $"field {field.Name} of type {field.Type}");
        }

        return field.Type is DataType.Bool or DataType.Int8 or DataType.Int16 or DataType.Int32 or DataType.Int64 or DataType.Float or DataType.Double or DataType.VarChar or DataType.String
            ? new FieldOperand(field)
            : throw lexer.Error(name.Position, "expected a scalar field", $"field {field.Name} of type {field.Type}");
    }

    public FilterExpression AsFilter(FilterNode node) => node switch
    {
        { Filter: { } filter } => filter,
        { Operand: ConstantOperand { Kind: FilterValueKind.Bool } constant } => new ConstantFilter(constant.Value.Bool),
        { Operand: { Kind: FilterValueKind.Bool or FilterValueKind.Json } operand } =>
            new CompareFilter(operand, CompareOperator.Equal, new ConstantOperand(FilterValue.Of(true))),
        _ => throw lexer.Error(node.Position, "expected a condition", $"a value of type {node.Operand!.Kind}"),
    };

    public JsonOperand AsJson(FilterNode node) => node.Operand as JsonOperand
        ?? throw lexer.Error(node.Position, "expected a JSON field or a path into one", Describe(node));

    public FilterValue AsConstant(FilterNode node) => node.Operand is ConstantOperand constant
        ? constant.Value
        : throw lexer.Error(node.Position, "expected a constant", Describe(node));

    public FilterNode Arithmetic(FilterNode left, ArithmeticOperator op, FilterNode right)
    {
        var a = AsNumber(left);
        var b = AsNumber(right);
        if (a is not ConstantOperand x || b is not ConstantOperand y)
        {
            var operand = new ArithmeticOperand(a, op, b);
            return operand.Depth <= FilterExpression.DepthMax
                ? new FilterNode(left.Position, null, operand)
                : throw lexer.Error(right.Position, $"expected at most {FilterExpression.DepthMax} operators in one sum", "more");
        }

        var value = ArithmeticOperand.Compute(x.Value, op, y.Value);
        return value.IsNumber && double.IsFinite(value.Number)
            ? new FilterNode(left.Position, null, new ConstantOperand(value))
            : throw lexer.Error(left.Position, "expected constants that compute to a number of 64 bits", "an overflow or a division by zero");
    }

    public FilterNode Negate(FilterNode node, int position)
    {
        if (node.Operand is ConstantOperand { Kind: FilterValueKind.Float } constant)
        {
            return new FilterNode(position, null, new ConstantOperand(FilterValue.Of(-constant.Value.Number)));
        }

        var zero = new FilterNode(position, null, new ConstantOperand(FilterValue.Of(0L)));
        return Arithmetic(zero, ArithmeticOperator.Subtract, node);
    }

    public FilterExpression Compare(FilterNode left, CompareOperator op, FilterNode right)
    {
        var a = AsOperand(left);
        var b = AsOperand(right);
        if (a is ConstantOperand x && b is ConstantOperand y)
        {
            CheckComparable(a.Kind, op, b.Kind, right.Position);
            return new ConstantFilter(FilterValue.Holds(x.Value, op, y.Value));
        }

        CheckComparable(a.Kind, op, b.Kind, right.Position);
        return new CompareFilter(a, op, b);
    }

    public FilterExpression In(FilterNode left, ImmutableArray<FilterValue> values, int position)
    {
        var operand = AsOperand(left);
        foreach (var value in values)
        {
            CheckComparable(operand.Kind, CompareOperator.Equal, value.Kind, position);
        }

        return new InFilter(operand, values);
    }

    public FilterExpression Like(FilterNode left, FilterNode pattern)
    {
        var operand = AsOperand(left);
        if (operand.Kind is not (FilterValueKind.Text or FilterValueKind.Json))
        {
            throw lexer.Error(left.Position, "expected a VarChar field or a JSON path before 'like'", Describe(left));
        }

        return pattern.Operand is ConstantOperand { Kind: FilterValueKind.Text } constant
            ? new LikeFilter(operand, new LikePattern(constant.Value.Text))
            : throw lexer.Error(pattern.Position, "expected a string after 'like'", Describe(pattern));
    }

    public FilterExpression IsNull(FilterNode left) => AsOperand(left) is (FieldOperand or JsonOperand) and var operand
        ? new IsNullFilter(operand)
        : throw lexer.Error(left.Position, "expected a field before 'is null'", Describe(left));

    public FilterValue TemplateValue(FilterToken token) => Value(token, Template(token));

    public ImmutableArray<FilterValue> TemplateList(FilterToken token)
    {
        var found = Template(token);
        return found is IEnumerable list and not string
            ? [.. list.Cast<object>().Select(item => Value(token, item))]
            : throw lexer.Error(token.Position, "expected a template with a list", found.GetType().Name);
    }

    private object Template(FilterToken token) => templates is not null && templates.TryGetValue(token.Text, out var value)
        ? value
        : throw lexer.Error(token.Position, "expected a value for every template", $"none for {{{token.Text}}}");

    private FilterValue Value(FilterToken token, object value) => value switch
    {
        bool v => FilterValue.Of(v),
        sbyte or short or int or long or byte or ushort or uint => FilterValue.Of(Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture)),
        double v when double.IsFinite(v) => FilterValue.Of(v),
        float v when float.IsFinite(v) => FilterValue.Of((double)v),
        string v => FilterValue.Of(v),
        _ => throw lexer.Error(token.Position, "expected a bool, a finite number or a string in the template", value.GetType().Name),
    };

    private FilterOperand AsOperand(FilterNode node) => node.Operand ?? throw lexer.Error(node.Position, "expected a value", "a condition");

    private FilterOperand AsNumber(FilterNode node) => AsOperand(node) is { MayBeNumber: true } operand
        ? operand
        : throw lexer.Error(node.Position, "expected a number", Describe(node));

    private void CheckComparable(FilterValueKind left, CompareOperator op, FilterValueKind right, int position)
    {
        var areNumbers = left is FilterValueKind.Int or FilterValueKind.Float && right is FilterValueKind.Int or FilterValueKind.Float;
        var isAllowed = left == FilterValueKind.Json || right == FilterValueKind.Json || areNumbers || left == right;
        if (!isAllowed)
        {
            throw lexer.Error(position, $"expected something to compare with {left}", right.ToString());
        }

        if (left == FilterValueKind.Bool && op is not (CompareOperator.Equal or CompareOperator.NotEqual))
        {
            throw lexer.Error(position, "expected == or != between booleans", "an order");
        }
    }

    private static string Describe(FilterNode node) => node switch
    {
        { Filter: not null } => "a condition",
        { Operand: FieldOperand field } => $"field {field.Field.Name} of type {field.Field.Type}",
        { Operand: ConstantOperand constant } => constant.Value.ToString(),
        _ => $"a value of type {node.Operand!.Kind}",
    };
}
