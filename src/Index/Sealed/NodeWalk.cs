using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Scan;

namespace MiniMilvus.Index.Sealed;

/// <summary>
/// The walks over a sealed graph. As in <see cref="GraphWalk"/>, but nodes and their links lie in one record, the unseen neighbours are
/// measured by four, and a node's links are fetched as soon as it enters the beam. Keys are (distance, node).
/// </summary>
internal readonly unsafe ref struct NodeWalk<TMeasure>(TMeasure measure, in GraphView graph, HnswScratch scratch)
    where TMeasure : struct, INodeMeasure
{
    private readonly TMeasure _measure = measure;
    private readonly GraphView _graph = graph;
    private readonly HnswScratch _scratch = scratch;

    /// <summary>Greedy descent through the upper levels; the key of the nearest node found.</summary>
    public ulong Descend(ref SearchStats stats)
    {
        int place = _graph.Entry, level = _graph.Levels;
        int node = level == 0 ? place : _graph.Upper(level, place)[0];
        ulong best = OrderedKey.Pack(_measure.One(node), node);
        stats.DistanceComputations++;
        for (; level > 0; level--)
        {
            for (int from = -1; from != place;)
            {
                from = place;
                stats.Hops++;
                int* links = _graph.Upper(level, from) + 2;
                int count = 0;
                for (; count < _graph.M && links[count] >= 0; count++) _measure.Prefetch(_graph.Upper(level, links[count])[0]);
                stats.DistanceComputations += count;
                for (int i = 0; i < count; i++)
                {
                    int neighbour = _graph.Upper(level, links[i])[0];
                    ulong key = OrderedKey.Pack(_measure.One(neighbour), neighbour);
                    if (key >= best) continue;
                    best = key;
                    place = links[i];
                }
            }

            place = _graph.Upper(level, place)[1];
        }

        return best;
    }

    /// <summary>Best-first search from the entry; leaves the ef best in the beam.</summary>
    public void Beam(ulong entry, int ef, ref SearchStats stats)
    {
        HnswScratch scratch = _scratch;
        scratch.TryMark(OrderedKey.Row(entry));
        scratch.Insert(entry, ef);
        if (_graph.Twins != null) InsertTwins(entry, ef, default(AllRows));
        int next = 0;
        int[] pending = scratch.Pending;
        long hops = 0, distances = 0;
        while (next < scratch.BeamCount)
        {
            ulong key = scratch.Beam[next];
            if ((key & OrderedKey.Mark) != 0)
            {
                next++;
                continue;
            }

            scratch.Beam[next++] = key | OrderedKey.Mark;
            int count = Collect(OrderedKey.Row(key));
            hops++;
            distances += count;
            int i = 0;
            ulong worst = scratch.BeamCount == ef ? scratch.Beam[ef - 1] : ulong.MaxValue;
            for (; i + 4 <= count; i += 4)
            {
                Vector128<float> four = _measure.Four(pending[i], pending[i + 1], pending[i + 2], pending[i + 3]);
                for (int lane = 0; lane < 4; lane++)
                {
                    ulong found = OrderedKey.Pack(four.GetElement(lane), pending[i + lane]);
                    if (found < worst) Take(found, ef, ref next, ref worst);
                }
            }

            for (; i < count; i++)
            {
                ulong found = OrderedKey.Pack(_measure.One(pending[i]), pending[i]);
                if (found < worst) Take(found, ef, ref next, ref worst);
            }
        }

        stats.Hops += hops;
        stats.DistanceComputations += distances;
    }

    /// <summary>
    /// As <see cref="Beam"/>, but only allowed rows enter the beam while all are walked through, until the nearest one not yet walked is
    /// farther than the ef-th allowed one. Returns false, with the work undone, once it has cost more than the budget.
    /// </summary>
    public bool Filtered<TFilter>(ulong entry, int ef, TFilter filter, long budget, ref SearchStats stats)
        where TFilter : struct, IRowFilter
    {
        HnswScratch scratch = _scratch;
        int[] pending = scratch.Pending;
        scratch.TryMark(OrderedKey.Row(entry));
        Meet(entry, ef, filter);
        while (scratch.Candidates.TryDequeue(out int current, out ulong key))
        {
            if (scratch.BeamCount == ef && key > scratch.Beam[ef - 1]) return true;
            if (budget < 0) return false;
            int count = Collect(current);
            stats.Hops++;
            stats.DistanceComputations += count;
            budget -= count;
            for (int i = 0; i < count; i++)
            {
                ulong found = OrderedKey.Pack(_measure.One(pending[i]), pending[i]);
                if (scratch.BeamCount < ef || found <= scratch.Beam[ef - 1]) Meet(found, ef, filter);
            }
        }

        return true;
    }

    private void Meet<TFilter>(ulong key, int ef, TFilter filter) where TFilter : struct, IRowFilter
    {
        int node = OrderedKey.Row(key);
        _scratch.Candidates.Enqueue(node, key);
        if (filter.Allows(_graph.RowOf[node])) _scratch.Insert(key, ef);
        if (_graph.Twins != null) InsertTwins(key, ef, filter);
    }

    private void Take(ulong found, int ef, ref int next, ref ulong worst)
    {
        int place = _scratch.Insert(found, ef);
        if (place < 0) return;
        if (place < next) next = place;
        if (Sse.IsSupported) PrefetchLinks(OrderedKey.Row(found));
        if (_graph.Twins != null) InsertTwins(found, ef, default(AllRows));
        if (_scratch.BeamCount == ef) worst = _scratch.Beam[ef - 1];
    }

    private void PrefetchLinks(int node)
    {
        byte* links = (byte*)_graph.Links(node);
        for (int offset = 0; offset < 2 * _graph.M * sizeof(int); offset += 64) Sse.Prefetch0(links + offset);
    }

    // Nodes with the same vector: at the same distance, and with nothing to walk to. They rise along the chain, as their rows do.
    private void InsertTwins<TFilter>(ulong key, int ef, TFilter filter) where TFilter : struct, IRowFilter
    {
        float distance = OrderedKey.Distance(key);
        for (int node = _graph.Twins[OrderedKey.Row(key)]; node >= 0; node = _graph.Twins[node])
        {
            if (filter.Allows(_graph.RowOf[node]) && _scratch.Insert(OrderedKey.Pack(distance, node) | OrderedKey.Mark, ef) < 0) return;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Collect(int node)
    {
        int count = 0;
        int* links = _graph.Links(node);
        int slots = 2 * _graph.M;
        Span<ulong> seen = _scratch.Seen;
        Span<int> pending = _scratch.Pending;
        for (int i = 0; i < slots; i++)
        {
            int neighbour = links[i];
            if (neighbour < 0) break;
            ref ulong word = ref seen[neighbour >> 6];
            ulong bit = 1UL << neighbour;
            if ((word & bit) != 0) continue;
            word |= bit;
            pending[count++] = neighbour;
            _measure.Prefetch(neighbour);
        }

        return count;
    }
}

/// <summary>Where the parts of an opened graph lie. Whoever holds one keeps the graph's bytes alive and in place.</summary>
internal readonly unsafe struct GraphView
{
    public required byte* Records { get; init; }
    public required nint RecordBytes { get; init; }
    public required nint LinksAt { get; init; }
    public required int* RowOf { get; init; }
    public required float* Norms { get; init; }

    /// <summary>Per node the next one with the same vector, or −1; null where there is none in the graph.</summary>
    public required int* Twins { get; init; }

    public required float* Middles { get; init; }
    public required int** UpperLevels { get; init; }
    public required int Levels { get; init; }
    public required int Entry { get; init; }
    public required int M { get; init; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int* Links(int node) => (int*)(Records + (node * RecordBytes) + LinksAt);

    /// <summary>The record at a place of an upper level: node, place below, links.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int* Upper(int level, int place) => UpperLevels[level - 1] + ((nint)place * (2 + M));
}
