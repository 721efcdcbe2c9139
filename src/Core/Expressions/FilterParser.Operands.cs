using System.Collections.Immutable;

namespace MiniMilvus.Core.Expressions;

/// <summary>Operands: arithmetic, constants, fields, JSON paths and functions.</summary>
internal sealed partial class FilterParser
{
    private FilterNode Sum()
    {
        var left = Product();
        while (_token.Is("+") || _token.Is("-"))
        {
            var op = Advance().Text == "+" ? ArithmeticOperator.Add : ArithmeticOperator.Subtract;
            left = _binder.Arithmetic(left, op, Product());
        }

        return left;
    }

    private FilterNode Product()
    {
        var left = Sign();
        while (_token.Is("*") || _token.Is("/") || _token.Is("%"))
        {
            var op = Advance().Text switch
            {
                "*" => ArithmeticOperator.Multiply,
                "/" => ArithmeticOperator.Divide,
                _ => ArithmeticOperator.Modulo,
            };
            left = _binder.Arithmetic(left, op, Sign());
        }

        return left;
    }

    private FilterNode Sign()
    {
        if (!_token.Is("-") && !_token.Is("+"))
        {
            return Power();
        }

        var sign = Advance();
        if (_token.Kind == FilterTokenKind.Integer && sign.Text == "-" && _token.Integer == 1UL << 63)
        {
            Advance();
            return new FilterNode(sign.Position, null, new ConstantOperand(FilterValue.Of(long.MinValue)));
        }

        Enter();
        var operand = Sign();
        _depth--;
        return sign.Text == "-" ? _binder.Negate(operand, sign.Position) : operand;
    }

    private FilterNode Power()
    {
        var left = Primary();
        if (!_token.Is("**"))
        {
            return left;
        }

        Advance();
        Enter();
        // To the right, so that 2 ** 3 ** 2 is 2 ** (3 ** 2); its exponent may have a sign.
        var right = Sign();
        _depth--;
        return _binder.Arithmetic(left, ArithmeticOperator.Power, right);
    }

    private FilterNode Primary()
    {
        var token = _token;
        switch (token.Kind)
        {
            case FilterTokenKind.Integer:
                Advance();
                return token.Integer <= long.MaxValue
                    ? Constant(token, FilterValue.Of((long)token.Integer))
                    : throw _lexer.Error(token.Position, "expected an integer of 64 bits", "a larger one");
            case FilterTokenKind.Float:
                Advance();
                return Constant(token, FilterValue.Of(token.Float));
            case FilterTokenKind.Text:
                Advance();
                return Constant(token, FilterValue.Of(token.Text));
            case FilterTokenKind.Template:
                Advance();
                return Constant(token, _binder.TemplateValue(token));
            case FilterTokenKind.Name:
                return Name();
            case FilterTokenKind.Keyword when token.Text is "true" or "false":
                Advance();
                return Constant(token, FilterValue.Of(token.Text == "true"));
            case FilterTokenKind.Keyword when token.Text == "array_length":
                Advance();
                Expect("(");
                var array = _binder.AsJson(Sum());
                Expect(")");
                return new FilterNode(token.Position, null, new ArrayLengthOperand(array));
            case FilterTokenKind.Keyword when token.Text.StartsWith("json_contains", StringComparison.Ordinal) || token.Text.StartsWith("array_contains", StringComparison.Ordinal):
                return Contains();
            case FilterTokenKind.Symbol when token.Text == "(":
                Advance();
                var inner = Or();
                Expect(")");
                return inner with { Position = token.Position };
            default:
                throw Unexpected("expected a field, a constant or '('");
        }
    }

    private static FilterNode Constant(FilterToken token, FilterValue value) => new(token.Position, null, new ConstantOperand(value));

    private FilterNode Contains()
    {
        var function = Advance();
        Expect("(");
        var path = _binder.AsJson(Sum());
        Expect(",");
        var isList = function.Text.EndsWith("_all", StringComparison.Ordinal) || function.Text.EndsWith("_any", StringComparison.Ordinal);
        var values = isList ? ValueList() : [_binder.AsConstant(Sum())];
        Expect(")");
        var mode = function.Text.EndsWith("_all", StringComparison.Ordinal) ? ContainsMode.All : ContainsMode.Any;
        return new FilterNode(function.Position, new ContainsFilter(path, mode, values), null);
    }

    private FilterNode Name()
    {
        var name = Advance();
        var steps = ImmutableArray.CreateBuilder<JsonStep>();
        while (_token.Is("["))
        {
            var bracket = Advance();
            var step = _token;
            if (steps.Count == FilterExpression.DepthMax)
            {
                throw _lexer.Error(bracket.Position, $"expected at most {FilterExpression.DepthMax} steps in a path", "more");
            }

            steps.Add(step switch
            {
                { Kind: FilterTokenKind.Text } => new JsonStep(step.Text),
                { Kind: FilterTokenKind.Integer, Integer: <= int.MaxValue } => new JsonStep(null, (int)step.Integer),
                _ => throw Unexpected("expected a quoted key or an index"),
            });
            Advance();
            Expect("]");
        }

        return new FilterNode(name.Position, null, _binder.Field(name, steps.ToImmutable()));
    }

    private ImmutableArray<FilterValue> ValueList()
    {
        if (_token.Kind == FilterTokenKind.Template)
        {
            return _binder.TemplateList(Advance());
        }

        Expect("[");
        var values = ImmutableArray.CreateBuilder<FilterValue>();
        while (!_token.Is("]"))
        {
            values.Add(_binder.AsConstant(Sum()));
            if (!_token.Is(","))
            {
                break;
            }

            Advance();
        }

        Expect("]");
        return values.ToImmutable();
    }
}
