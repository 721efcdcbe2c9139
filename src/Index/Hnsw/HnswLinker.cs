using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Hnsw;

/// <summary>
/// What linking consists of: search for neighbours on a level, choose diverse ones, write them into a list (Malkov and Yashunin 2016,
/// algorithms 2 and 4). With its working memory, so for one thread.
/// </summary>
/// <param name="chosenTogether">
/// For each row, how many leading entries of its ground list were chosen by the heuristic together. They are known to be mutually diverse, so
/// the next choice need not compare them with each other: the same outcome for about half of the distances.
/// </param>
/// <param name="tree">Its links are never cut.</param>
internal sealed class HnswLinker(GraphLinks links, int efConstruction, ushort[] chosenTogether, ReachTree tree)
{
    private readonly HnswScratch _scratch = new();
    private readonly ulong[] _chosen = new ulong[links.Slots(0)];
    private readonly ulong[] _kept = new ulong[links.Slots(0)];
    private readonly List<ulong> _more = [];
    private ulong[] _candidates = new ulong[links.Slots(0) + 1];

    /// <summary>The buffer that takes the row to be linked, prepared, before <see cref="Explore"/>.</summary>
    public float[] Prepare(int dimension)
    {
        _scratch.Prepare(links.Capacity, efConstruction, links.Slots(0), dimension);
        return _scratch.Query;
    }

    /// <summary>The efConstruction nearest rows that a walk from the given one finds on a level, nearest first; valid until the next call.</summary>
    public Span<ulong> Explore<TRows, TMetric>(in Measure<TRows, TMetric> measure, int row, int level, ulong best)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        var unused = default(SearchStats);
        _scratch.Reset();
        _scratch.TryMark(row);
        _scratch.TryMark(OrderedKey.Row(best));
        _scratch.Insert(best, efConstruction);
        GraphWalk.Beam(measure, links, level, int.MaxValue, efConstruction, false, _scratch, ref unused);
        Span<ulong> beam = _scratch.Beam.AsSpan(0, _scratch.BeamCount);
        foreach (ref ulong key in beam) key &= ~OrderedKey.Mark;
        return beam;
    }

    /// <summary>A list to add to, which begins with the given keys; valid until the next call.</summary>
    public List<ulong> Candidates(ReadOnlySpan<ulong> keys)
    {
        _more.Clear();
        _more.AddRange(keys);
        return _more;
    }

    /// <summary>Chooses a row's neighbours on a level among sorted candidates, and writes its list.</summary>
    public void LinkFrom<TRows, TMetric>(in Measure<TRows, TMetric> measure, int row, int level, ReadOnlySpan<ulong> sorted)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        int count = Choose(measure, sorted, links.M);
        Write(row, level, count, count);
    }

    /// <summary>Puts rows into the list of one that they have linked to; chooses anew where they do not all fit.</summary>
    public void LinkTo<TRows, TMetric>(in Measure<TRows, TMetric> measure, int target, int level, ReadOnlySpan<int> rows)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        Span<int> list = links.List(target, level);
        int count = GraphLinks.CountOf(list);
        if (count + rows.Length <= list.Length)
        {
            // Release: whoever sees the entry sees the new row's own list and vector.
            foreach (int row in rows) Volatile.Write(ref list[count++], row);
            return;
        }

        foreach (int linked in list[..count]) measure.Prefetch(linked);
        int together = level == 0 ? chosenTogether[target] : 0;
        if (_candidates.Length < count + rows.Length) _candidates = new ulong[count + rows.Length];
        Span<ulong> candidates = _candidates.AsSpan(0, count + rows.Length);
        for (int i = 0; i < count; i++)
            candidates[i] = OrderedKey.Pack(measure.Between(list[i], target), list[i]) | (i < together ? OrderedKey.Mark : 0);
        for (int i = 0; i < rows.Length; i++) candidates[count + i] = OrderedKey.Pack(measure.Between(rows[i], target), rows[i]);
        candidates.Sort();
        if (level == 0) (together, count) = ChooseAndKeep(measure, target, candidates, list.Length);
        else together = count = Choose(measure, candidates, list.Length);
        Write(target, level, count, together);
    }

    /// <summary>As <see cref="Choose"/>, but the links of the tree stay: those that are not diverse come behind those that are.</summary>
    private (int Together, int Count) ChooseAndKeep<TRows, TMetric>(in Measure<TRows, TMetric> measure, int of, ReadOnlySpan<ulong> sorted, int max)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        int count = 0, kept = 0, toCome = 0;
        foreach (ulong key in sorted) toCome += tree.Joins(of, OrderedKey.Row(key)) ? 1 : 0;
        foreach (ulong key in sorted)
        {
            bool isOfTree = toCome > 0 && tree.Joins(of, OrderedKey.Row(key));
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

    private void Write(int row, int level, int count, int together)
    {
        Span<int> list = links.List(row, level);
        for (int i = 0; i < count; i++) Volatile.Write(ref list[i], OrderedKey.Row(_chosen[i]));
        for (int i = count; i < list.Length; i++) Volatile.Write(ref list[i], GraphLinks.End);
        if (level == 0) chosenTogether[row] = (ushort)together;
    }
}
