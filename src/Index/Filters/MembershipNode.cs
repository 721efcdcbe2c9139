using System.Collections.Immutable;
using MiniMilvus.Core.Expressions;
using MiniMilvus.Core.Rows;

namespace MiniMilvus.Index.Filters;

/// <summary>A list of constants made ready for many look-ups, with the equality of <see cref="FilterValue.AreEqual"/>.</summary>
internal sealed class ConstantSet
{
    private readonly HashSet<long> _integers = [];
    private readonly HashSet<double> _floats = [];
    private readonly HashSet<string> _texts = new(StringComparer.Ordinal);
    private readonly bool _hasTrue, _hasFalse;

    public ConstantSet(ImmutableArray<FilterValue> values)
    {
        foreach (FilterValue value in values)
        {
            switch (value.Kind)
            {
                case FilterValueKind.Int: _integers.Add(value.Int); break;
                case FilterValueKind.Float: _floats.Add(value.Number); break;
                case FilterValueKind.Text: _texts.Add(value.Text); break;
                case FilterValueKind.Bool when value.Bool: _hasTrue = true; break;
                case FilterValueKind.Bool: _hasFalse = true; break;
            }
        }
    }

    public bool HasOnlyIntegers => _floats.Count == 0 && _texts.Count == 0 && !_hasTrue && !_hasFalse;

    public bool Contains(long value) => _integers.Contains(value);

    public bool Contains(string value) => _texts.Contains(value);

    public bool Contains(in FilterValue value) => value.Kind switch
    {
        FilterValueKind.Int => _integers.Contains(value.Int) || (_floats.Count > 0 && _floats.Contains(value.Number)),
        FilterValueKind.Float => _floats.Contains(value.Number) || ContainsInteger(value.Number),
        FilterValueKind.Text => _texts.Contains(value.Text),
        FilterValueKind.Bool => value.Bool ? _hasTrue : _hasFalse,
        _ => false,
    };

    private bool ContainsInteger(double value)
    {
        if (Math.Abs(value) < 1L << 53) return value == Math.Floor(value) && _integers.Contains((long)value);
        // Several integers share one double up there.
        foreach (long integer in _integers)
        {
            if (integer == value) return true;
        }

        return false;
    }
}

/// <summary>An integer column in a list of integers.</summary>
internal sealed class IntegerInNode(Core.FieldId field, ConstantSet set, bool isNegated) : PredicateNode
{
    public override void Evaluate(in ColumnBatch batch, Span<ulong> into)
    {
        into.Clear();
        Column? column = batch.Find(field);
        if (column is ScalarColumn<int> narrow)
        {
            ReadOnlySpan<int> values = narrow.Values.Span[..batch.Rows];
            for (int row = 0; row < values.Length; row++)
            {
                if (set.Contains((long)values[row])) into[row >> 6] |= 1UL << row;
            }
        }
        else if (column is ScalarColumn<long> wide)
        {
            ReadOnlySpan<long> values = wide.Values.Span[..batch.Rows];
            for (int row = 0; row < values.Length; row++)
            {
                if (set.Contains(values[row])) into[row >> 6] |= 1UL << row;
            }
        }
        else
        {
            return;
        }

        Finish(into, batch.Rows, isNegated, column.Valid);
    }
}

/// <summary>A VarChar column against a test of one string: comparison, membership, LIKE.</summary>
internal sealed class TextNode(Core.FieldId field, Func<string, bool> test, bool isNegated) : PredicateNode
{
    public override void Evaluate(in ColumnBatch batch, Span<ulong> into)
    {
        into.Clear();
        if (batch.Find(field) is not StringColumn column) return;
        ReadOnlySpan<string> values = column.Values.Span[..batch.Rows];
        for (int row = 0; row < values.Length; row++)
        {
            if (!column.IsNull(row) && test(values[row]) != isNegated) into[row >> 6] |= 1UL << row;
        }
    }
}
