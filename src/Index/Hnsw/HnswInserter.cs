using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Hnsw;

/// <summary>
/// Links one row into the graph: descend to the row's level, search efConstruction neighbours on each level below, choose diverse ones
/// (Malkov and Yashunin 2016, algorithms 1 and 4) and link both ways. Owned by the graph's single writer.
/// </summary>
internal sealed class HnswInserter
{
    private readonly GraphLinks _links;
    private readonly HnswLinker _linker;
    private readonly TwinChains _twins;
    private readonly ReachTree _tree;

    /// <param name="links">Of the rows linked so far.</param>
    /// <param name="efConstruction">Width of the search for neighbours.</param>
    /// <param name="entry">Where a walk through the rows that are linked already begins.</param>
    public HnswInserter(GraphLinks links, int efConstruction, int entry)
    {
        _links = links;
        _tree = new ReachTree(links);
        _tree.Rebuild(entry);
        _linker = new HnswLinker(links, efConstruction, new ushort[links.Capacity], _tree);
        _twins = new TwinChains(links);
    }

    /// <summary>The buffer that takes the new row, prepared, before it is added.</summary>
    public float[] Prepare(int dimension) => _linker.Prepare(dimension);

    /// <summary>Links the row and returns true, or hangs it on a row with the same vector and returns false.</summary>
    public bool Add<TRows, TMetric>(in Measure<TRows, TMetric> measure, int row, int entryRow)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        var unused = default(SearchStats);
        int level = _links.Levels[row], top = _links.Levels[entryRow];
        ulong entry = OrderedKey.Pack(measure.ToRow(entryRow), entryRow), best = entry;
        if (level > 0)
        {
            // A row of several levels must not be linked on the upper ones before it is known to be no twin.
            for (int l = top; l > 0; l--) best = GraphWalk.Descend(measure, _links, l, int.MaxValue, best, ref unused);
            if (HangOnTwin(measure, row, _linker.Explore(measure, row, 0, best))) return false;
            best = entry;
        }

        for (int l = top; l > level; l--) best = GraphWalk.Descend(measure, _links, l, int.MaxValue, best, ref unused);
        for (int l = Math.Min(level, top); l >= 0; l--)
        {
            ReadOnlySpan<ulong> beam = _linker.Explore(measure, row, l, best);
            if (level == 0 && HangOnTwin(measure, row, beam)) return false;
            best = beam[0];
            _linker.LinkFrom(measure, row, l, beam);
            if (l == 0) _tree.Adopt(row);
            foreach (int neighbour in _links.List(row, l))
            {
                if (neighbour < 0) break;
                _linker.LinkTo(measure, neighbour, l, [row]);
            }
        }

        return true;
    }

    private bool HangOnTwin<TRows, TMetric>(in Measure<TRows, TMetric> measure, int row, ReadOnlySpan<ulong> beam)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        int first = TwinChains.Find(measure, row, beam);
        if (first < 0) return false;
        _twins.Hang(row, first);
        return true;
    }
}
