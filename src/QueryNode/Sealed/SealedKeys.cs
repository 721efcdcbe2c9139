using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;

namespace MiniMilvus.QueryNode.Sealed;

/// <summary>Finds a sealed segment's rows by primary key: the rows in key order (ties in row order), searched by bisection.</summary>
internal sealed class SealedKeys
{
    private readonly Column _column;
    private readonly long[] _numbers = [];
    private readonly int[] _order;

    public SealedKeys(Column column)
    {
        _column = column;
        _order = new int[column.Count];
        for (var i = 0; i < _order.Length; i++)
        {
            _order[i] = i;
        }

        switch (column)
        {
            case ScalarColumn<long> numbers:
                _numbers = numbers.Values.ToArray();
                Array.Sort(_numbers, _order);
                SortTies();
                break;
            case StringColumn texts:
                var values = texts.Values;
                Array.Sort(_order, (a, b) =>
                {
                    var byKey = string.CompareOrdinal(values.Span[a], values.Span[b]);
                    return byKey != 0 ? byKey : a.CompareTo(b);
                });
                break;
            default:
                throw MiniMilvusException.Corrupted($"a primary key column of type {column.Type}");
        }
    }

    /// <summary>Rows in key order.</summary>
    public ReadOnlySpan<int> Order => _order;

    public long Bytes => (12L * _numbers.Length) + (_numbers.Length == 0 ? 4L * _order.Length : 0);

    public void Find(PrimaryKey key, List<int> rows)
    {
        int low = 0, high = _order.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            (low, high) = Compare(middle, key) < 0 ? (middle + 1, high) : (low, middle);
        }

        for (; low < _order.Length && Compare(low, key) == 0; low++)
        {
            rows.Add(_order[low]);
        }
    }

    private int Compare(int place, PrimaryKey key) =>
        _numbers.Length > 0 ? _numbers[place].CompareTo(key.Number) : string.CompareOrdinal(((StringColumn)_column).Values.Span[_order[place]], key.Text);

    // The sort of two arrays is not stable.
    private void SortTies()
    {
        for (var first = 0; first < _numbers.Length;)
        {
            var end = first + 1;
            while (end < _numbers.Length && _numbers[end] == _numbers[first])
            {
                end++;
            }

            if (end - first > 1)
            {
                Array.Sort(_order, first, end - first);
            }

            first = end;
        }
    }
}
