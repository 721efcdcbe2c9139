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
    private readonly int _efConstruction;
    private readonly HnswScratch _scratch = new();
    private readonly ulong[] _candidates;
    private readonly ulong[] _chosen;

    // How many leading entries of a row's ground list were chosen by the heuristic together. They are known to be mutually diverse, so
    // the next choice need not compare them with each other: the same outcome for about half of the distances.
    private readonly ushort[] _chosenTogether;
    private readonly Dictionary<int, int> _lastTwin = [];
    private readonly ReachTree _tree;
    private readonly ulong[] _kept;

    /// <param name="entry">Where a walk through the rows that are linked already begins.</param>
    public HnswInserter(GraphLinks links, int efConstruction, int entry)
    {
        _links = links;
        _efConstruction = efConstruction;
        _candidates = new ulong[links.Slots(0) + 1];
        _chosen = new ulong[links.Slots(0)];
        _chosenTogether = new ushort[links.Capacity];
        _kept = new ulong[links.Slots(0)];
        _tree = new ReachTree(links);
        _tree.Rebuild(entry);
    }

    /// <summary>The working memory, prepared for one insertion; its query buffer takes the new row, prepared.</summary>
    public HnswScratch Prepare(int dimension)
    {
        _scratch.Prepare(_links.Capacity, _efConstruction, _links.Slots(0), dimension);
        return _scratch;
    }

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
            if (HangOnTwin(measure, row, Explore(measure, row, 0, best))) return false;
            best = entry;
        }

        for (int l = top; l > level; l--) best = GraphWalk.Descend(measure, _links, l, int.MaxValue, best, ref unused);
        for (int l = Math.Min(level, top); l >= 0; l--)
        {
            ReadOnlySpan<ulong> beam = Explore(measure, row, l, best);
            if (level == 0 && HangOnTwin(measure, row, beam)) return false;
            best = beam[0];
            int count = Choose(measure, beam, _links.M), together = count;
            if (l == 0)
            {
                int parent = _tree.Adopt(row, _chosen.AsSpan(0, count));
                if (!Names(_chosen.AsSpan(0, count), parent)) _chosen[count++] = OrderedKey.Pack(measure.ToRow(parent), parent);
            }

            Write(row, l, count, together);
            LinkBack(measure, row, l);
        }

        return true;
    }

    private Span<ulong> Explore<TRows, TMetric>(in Measure<TRows, TMetric> measure, int row, int level, ulong best)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        var unused = default(SearchStats);
        _scratch.Reset();
        _scratch.TryMark(row);
        _scratch.TryMark(OrderedKey.Row(best));
        _scratch.Insert(best, _efConstruction);
        GraphWalk.Beam(measure, _links, level, int.MaxValue, _efConstruction, false, _scratch, ref unused);
        Span<ulong> beam = _scratch.Beam.AsSpan(0, _scratch.BeamCount);
        foreach (ref ulong key in beam) key &= ~OrderedKey.Mark;
        return beam;
    }

    private bool HangOnTwin<TRows, TMetric>(in Measure<TRows, TMetric> measure, int row, ReadOnlySpan<ulong> beam)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        // Equal vectors are as far from this one as it is from itself, bit for bit (which is not always nearest: inner product).
        ulong self = OrderedKey.Pack(measure.ToRow(row), 0);
        foreach (ulong key in beam)
        {
            int first = OrderedKey.Row(key);
            if (key >> 32 != self >> 32 || !measure.AreEqual(row, first)) continue;
            int last = _lastTwin.GetValueOrDefault(first, first);
            for (int next = _links.TwinOf(last); next >= 0; next = _links.TwinOf(next)) last = next;
            _links.AddTwin(last, row);
            _lastTwin[first] = row;
            return true;
        }

        return false;
    }

    private void LinkBack<TRows, TMetric>(in Measure<TRows, TMetric> measure, int row, int level)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        ReadOnlySpan<int> own = _links.List(row, level);
        foreach (int neighbour in own)
        {
            if (neighbour < 0) break;
            Span<int> list = _links.List(neighbour, level);
            int count = GraphLinks.CountOf(list);
            if (count < list.Length)
            {
                // Release: whoever sees the entry sees the new row's own list and vector.
                Volatile.Write(ref list[count], row);
                continue;
            }

            foreach (int linked in list) measure.Prefetch(linked);
            int together = level == 0 ? _chosenTogether[neighbour] : 0;
            for (int i = 0; i < count; i++)
                _candidates[i] = OrderedKey.Pack(measure.Between(list[i], neighbour), list[i]) | (i < together ? OrderedKey.Mark : 0);
            _candidates[count] = OrderedKey.Pack(measure.Between(row, neighbour), row);
            Span<ulong> candidates = _candidates.AsSpan(0, count + 1);
            candidates.Sort();
            if (level > 0)
            {
                together = count = Choose(measure, candidates, list.Length);
            }
            else
            {
                (together, count) = ChooseAndKeep(measure, neighbour, candidates, list.Length);
            }

            Write(neighbour, level, count, together);
        }
    }

    /// <summary>As <see cref="Choose"/>, but the links of the tree stay: those that are not diverse come behind those that are.</summary>
    private (int Together, int Count) ChooseAndKeep<TRows, TMetric>(in Measure<TRows, TMetric> measure, int of, ReadOnlySpan<ulong> sorted, int max)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        int count = 0, kept = 0, toCome = 0;
        foreach (ulong key in sorted) toCome += _tree.Joins(of, OrderedKey.Row(key)) ? 1 : 0;
        foreach (ulong key in sorted)
        {
            bool isOfTree = toCome > 0 && _tree.Joins(of, OrderedKey.Row(key));
            if (!isOfTree && count + kept + toCome == max) continue;
            toCome -= isOfTree ? 1 : 0;
            if (IsDiverse(measure, key, _chosen.AsSpan(0, count))) _chosen[count++] = key;
            else if (isOfTree) _kept[kept++] = key;
        }

        _kept.AsSpan(0, kept).CopyTo(_chosen.AsSpan(count));
        return (count, count + kept);
    }

    /// <summary>
    /// Keeps, nearest first, each candidate that is nearer to the base than to every candidate kept so far. Marked candidates are known
    /// to satisfy that among themselves.
    /// </summary>
    private int Choose<TRows, TMetric>(in Measure<TRows, TMetric> measure, ReadOnlySpan<ulong> sorted, int max)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        int count = 0;
        foreach (ulong key in sorted)
        {
            if (count == max) break;
            if (IsDiverse(measure, key, _chosen.AsSpan(0, count))) _chosen[count++] = key;
        }

        return count;
    }

    private static bool IsDiverse<TRows, TMetric>(in Measure<TRows, TMetric> measure, ulong key, ReadOnlySpan<ulong> chosen)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        int row = OrderedKey.Row(key);
        float toBase = OrderedKey.Distance(key);
        foreach (ulong other in chosen)
        {
            if ((key & other & OrderedKey.Mark) != 0) continue;
            if (measure.Between(row, OrderedKey.Row(other)) < toBase) return false;
        }

        return true;
    }

    private static bool Names(ReadOnlySpan<ulong> keys, int row)
    {
        foreach (ulong key in keys)
        {
            if (OrderedKey.Row(key) == row) return true;
        }

        return false;
    }

    /// <param name="together">How many of the chosen, from the first, are diverse among themselves.</param>
    private void Write(int row, int level, int count, int together)
    {
        Span<int> list = _links.List(row, level);
        for (int i = 0; i < count; i++) Volatile.Write(ref list[i], OrderedKey.Row(_chosen[i]));
        for (int i = count; i < list.Length; i++) Volatile.Write(ref list[i], GraphLinks.End);
        if (level == 0) _chosenTogether[row] = (ushort)together;
    }
}
