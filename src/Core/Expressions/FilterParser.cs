using System.Collections.Immutable;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Core.Expressions;

/// <summary>
/// A Pratt parser: or &lt; and &lt; not &lt; comparison &lt; sum &lt; product &lt; sign &lt; power. Names are bound and types are checked as the tree
/// grows, so that every complaint has a position. Part 2 (FilterParser.Operands.cs) reads operands, part 3 (FilterBinder) builds checked nodes.
/// </summary>
internal sealed partial class FilterParser
{
    private readonly FilterLexer _lexer;
    private readonly FilterBinder _binder;
    private FilterToken _token;
    private int _depth;

    private FilterParser(string text, CollectionSchema schema, IReadOnlyDictionary<string, object>? templates)
    {
        _lexer = new FilterLexer(text);
        _binder = new FilterBinder(_lexer, schema, templates);
        _token = _lexer.Next();
    }

    public static FilterExpression? Parse(string text, CollectionSchema schema, IReadOnlyDictionary<string, object>? templates)
    {
        if (text.Length > FilterExpression.TextLengthMax)
        {
            throw MiniMilvusException.Invalid($"filter: expected at most {FilterExpression.TextLengthMax} characters, found {text.Length}");
        }

        if (string.IsNullOrWhiteSpace(text))
        {
            return null;
        }

        var parser = new FilterParser(text, schema, templates);
        var root = parser._binder.AsFilter(parser.Or());
        return parser._token.Kind == FilterTokenKind.End ? root : throw parser.Unexpected("expected an operator or the end");
    }

    private FilterNode Or()
    {
        Enter();
        var node = Joined("or", "||", And, static parts => new OrFilter(parts));
        _depth--;
        return node;
    }

    private FilterNode And() => Joined("and", "&&", Not, static parts => new AndFilter(parts));

    // A chain becomes one flat node, however long, so that its depth is one.
    private FilterNode Joined(string word, string symbol, Func<FilterNode> next, Func<ImmutableArray<FilterExpression>, FilterExpression> make)
    {
        var first = next();
        if (!_token.Is(word) && !_token.Is(symbol))
        {
            return first;
        }

        var parts = ImmutableArray.CreateBuilder<FilterExpression>();
        parts.Add(_binder.AsFilter(first));
        while (_token.Is(word) || _token.Is(symbol))
        {
            Advance();
            parts.Add(_binder.AsFilter(next()));
        }

        return new FilterNode(first.Position, make(parts.ToImmutable()), null);
    }

    private FilterNode Not()
    {
        if (!_token.Is("not") && !_token.Is("!"))
        {
            return Comparison();
        }

        var position = Advance().Position;
        Enter();
        var inner = _binder.AsFilter(Not());
        _depth--;
        return new FilterNode(position, new NotFilter(inner), null);
    }

    private FilterNode Comparison()
    {
        if (_token.Is("exists"))
        {
            var position = Advance().Position;
            var path = Sum();
            return new FilterNode(position, new ExistsFilter(_binder.AsJson(path)), null);
        }

        var left = Sum();
        if (TryCompareOperator(out var op))
        {
            return Compared(left, op);
        }

        var word = _token;
        var isNegated = word.Is("not");
        if (isNegated)
        {
            Advance();
            word = _token;
            if (!word.Is("in") && !word.Is("like"))
            {
                throw Unexpected("expected 'in' or 'like' after 'not'");
            }
        }

        FilterExpression filter;
        switch (word)
        {
            case { Kind: FilterTokenKind.Keyword, Text: "in" }:
                Advance();
                filter = _binder.In(left, ValueList(), word.Position);
                break;
            case { Kind: FilterTokenKind.Keyword, Text: "like" }:
                Advance();
                filter = _binder.Like(left, Sum());
                break;
            case { Kind: FilterTokenKind.Keyword, Text: "is" }:
                Advance();
                isNegated = _token.Is("not");
                if (isNegated)
                {
                    Advance();
                }

                Expect("null");
                filter = _binder.IsNull(left);
                break;
            default:
                return left;
        }

        return new FilterNode(left.Position, isNegated ? new NotFilter(filter) : filter, null);
    }

    private FilterNode Compared(FilterNode left, CompareOperator op)
    {
        var middle = Sum();
        var position = _token.Position;
        var first = _binder.Compare(left, op, middle);
        if (!TryCompareOperator(out var second))
        {
            return new FilterNode(left.Position, first, null);
        }

        var isRange = (IsLess(op) && IsLess(second)) || (IsGreater(op) && IsGreater(second));
        if (!isRange)
        {
            throw _lexer.Error(position, "expected a range in one direction, as in a < x <= b", "another pair of comparisons");
        }

        var rest = _binder.Compare(middle, second, Sum());
        if (TryCompareOperator(out _))
        {
            throw Unexpected("expected at most two comparisons in a range");
        }

        return new FilterNode(left.Position, new AndFilter([first, rest]), null);
    }

    private static bool IsLess(CompareOperator op) => op is CompareOperator.Less or CompareOperator.LessOrEqual;

    private static bool IsGreater(CompareOperator op) => op is CompareOperator.Greater or CompareOperator.GreaterOrEqual;

    private bool TryCompareOperator(out CompareOperator op)
    {
        CompareOperator? found = _token is not { Kind: FilterTokenKind.Symbol } ? null : _token.Text switch
        {
            "==" => CompareOperator.Equal,
            "!=" => CompareOperator.NotEqual,
            "<" => CompareOperator.Less,
            "<=" => CompareOperator.LessOrEqual,
            ">" => CompareOperator.Greater,
            ">=" => CompareOperator.GreaterOrEqual,
            _ => null,
        };
        op = found ?? default;
        if (found is null)
        {
            return false;
        }

        Advance();
        return true;
    }

    private FilterToken Advance()
    {
        var token = _token;
        _token = _lexer.Next();
        return token;
    }

    private FilterToken Expect(string symbolOrKeyword) =>
        _token.Is(symbolOrKeyword) ? Advance() : throw Unexpected($"expected '{symbolOrKeyword}'");

    private MiniMilvusException Unexpected(string expected) => _lexer.Error(_token.Position, expected, _token.ToString());

    private void Enter()
    {
        if (++_depth > FilterExpression.DepthMax)
        {
            throw _lexer.Error(_token.Position, $"expected at most {FilterExpression.DepthMax} levels of nesting", "more");
        }
    }
}

/// <summary>What has been read: a filter or an operand, and where it begins.</summary>
internal readonly record struct FilterNode(int Position, FilterExpression? Filter, FilterOperand? Operand);
