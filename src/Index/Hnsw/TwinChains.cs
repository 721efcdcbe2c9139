using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Hnsw;

/// <summary>Hangs rows with the same vector on the first of them (<see cref="GraphLinks.TwinOf"/>). Owned by the graph's single writer.</summary>
internal sealed class TwinChains(GraphLinks links)
{
    private readonly Dictionary<int, int> _last = [];

    /// <summary>The linked row, among those that a walk found, whose vector is the row's own; −1 when there is none.</summary>
    public static int Find<TRows, TMetric>(in Measure<TRows, TMetric> measure, int row, ReadOnlySpan<ulong> beam)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        // Equal vectors are as far from this one as it is from itself, bit for bit (which is not always nearest: inner product).
        ulong self = OrderedKey.Pack(measure.ToRow(row), 0);
        foreach (ulong key in beam)
        {
            if (key >> 32 == self >> 32 && measure.AreEqual(row, OrderedKey.Row(key))) return OrderedKey.Row(key);
        }

        return -1;
    }

    /// <summary>Rows come in rising order.</summary>
    public void Hang(int row, int first)
    {
        int last = _last.GetValueOrDefault(first, first);
        for (int next = links.TwinOf(last); next >= 0; next = links.TwinOf(next)) last = next;
        links.AddTwin(last, row);
        _last[first] = row;
    }
}
