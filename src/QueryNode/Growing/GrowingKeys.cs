using System.Collections.Concurrent;
using MiniMilvus.Core.Rows;

namespace MiniMilvus.QueryNode.Growing;

/// <summary>Finds a growing segment's rows by primary key: the newest row of each key and, from each row, the one before with the same key.</summary>
internal sealed class GrowingKeys
{
    private const int None = -1;
    private readonly ConcurrentDictionary<PrimaryKey, int> _newest = new(concurrencyLevel: 1, capacity: 64);
    private int[] _previous = new int[256];

    /// <summary>Rows must be added in order, before they are published.</summary>
    public void Add(PrimaryKey key, int row)
    {
        if (row == _previous.Length)
        {
            var larger = new int[_previous.Length * 2];
            _previous.CopyTo(larger, 0);
            Volatile.Write(ref _previous, larger);
        }

        _previous[row] = _newest.TryGetValue(key, out var before) ? before : None;
        _newest[key] = row;
    }

    public void Find(PrimaryKey key, List<int> rows)
    {
        if (!_newest.TryGetValue(key, out var row))
        {
            return;
        }

        var previous = Volatile.Read(ref _previous);
        for (; row != None; row = previous[row])
        {
            rows.Add(row);
        }
    }
}
