using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Rows;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.DataNode.Compaction;

/// <summary>The rows of one input, by key and tick, and which of them are still there.</summary>
internal sealed class KeptRows(SegmentRecord segment, SegmentReader reader, Column keys, ReadOnlyMemory<long> ticks)
{
    private readonly bool[] _dropped = new bool[keys.Count];

    public SegmentRecord Segment => segment;
    public SegmentReader Reader => reader;
    public Column Keys => keys;
    public int Count => keys.Count;
    public int Dropped { get; private set; }
    public int Kept => Count - Dropped;

    public ulong TickOf(int row) => (ulong)ticks.Span[row];

    /// <summary>False when it was dropped already.</summary>
    public bool Drop(int row)
    {
        if (_dropped[row])
        {
            return false;
        }

        Dropped++;
        return _dropped[row] = true;
    }

    /// <summary>The rows that stay, in order.</summary>
    public int[] Rows()
    {
        var rows = new int[Kept];
        for (int row = 0, at = 0; row < Count; row++)
        {
            if (!_dropped[row])
            {
                rows[at++] = row;
            }
        }

        return rows;
    }
}
