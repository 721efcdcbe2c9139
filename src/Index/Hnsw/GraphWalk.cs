using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Scan;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Hnsw;

/// <summary>
/// The walks over the graph. Rows at or above <c>limit</c> are ignored: they were linked after the walk began and their memory is
/// not known to be published. Each walk first collects and prefetches a row's unseen neighbours and then computes their distances.
/// </summary>
internal static class GraphWalk
{
    /// <summary>Greedy descent on one upper level: moves to the best neighbour until none is better.</summary>
    public static ulong Descend<TRows, TMetric>(
        in Measure<TRows, TMetric> measure, GraphLinks links, int level, int limit, ulong best, ref SearchStats stats)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        while (true)
        {
            ulong before = best;
            ReadOnlySpan<int> list = links.List(OrderedKey.Row(best), level);
            stats.Hops++;
            for (int i = 0; i < list.Length; i++)
            {
                int row = list[i];
                if (row < 0) break;
                if (row >= limit) continue;
                stats.DistanceComputations++;
                best = Math.Min(best, OrderedKey.Pack(measure.ToRow(row), row));
            }

            if (best == before) return best;
        }
    }

    /// <summary>Best-first search from the keys already in the beam, which must be marked as seen; leaves the ef best in the beam.</summary>
    public static void Beam<TRows, TMetric>(
        in Measure<TRows, TMetric> measure, GraphLinks links, int level, int limit, int ef, bool withTwins, HnswScratch scratch, ref SearchStats stats)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        int next = 0;
        int[] pending = scratch.Pending;
        while (next < scratch.BeamCount)
        {
            ulong key = scratch.Beam[next];
            if ((key & OrderedKey.Mark) != 0)
            {
                next++;
                continue;
            }

            scratch.Beam[next++] = key | OrderedKey.Mark;
            int count = Collect(measure, links, OrderedKey.Row(key), level, limit, scratch);
            stats.Hops++;
            stats.DistanceComputations += count;
            int i = 0;
            for (; i + 4 <= count; i += 4)
            {
                Vector128<float> distances = measure.ToRows(pending[i], pending[i + 1], pending[i + 2], pending[i + 3]);
                for (int lane = 0; lane < 4; lane++)
                    Offer(links, OrderedKey.Pack(distances.GetElement(lane), pending[i + lane]), limit, ef, withTwins, scratch, ref next);
            }

            for (; i < count; i++)
                Offer(links, OrderedKey.Pack(measure.ToRow(pending[i]), pending[i]), limit, ef, withTwins, scratch, ref next);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Offer(GraphLinks links, ulong found, int limit, int ef, bool withTwins, HnswScratch scratch, ref int next)
    {
        int place = scratch.Insert(found, ef);
        if (place < 0) return;
        if (place < next) next = place;
        links.Prefetch(OrderedKey.Row(found));
        if (withTwins) InsertTwins(links, found, limit, ef, default(AllRows), scratch);
    }

    /// <summary>
    /// As <see cref="Beam"/>, but only allowed rows enter the beam while all rows are walked through, until the nearest row not yet
    /// walked is farther than the ef-th allowed one. Returns false, with the work undone, once it has cost more than the budget.
    /// </summary>
    public static bool Filtered<TRows, TMetric, TFilter>(
        in Measure<TRows, TMetric> measure, GraphLinks links, int limit, int ef, TFilter filter, ulong entry, long budget, HnswScratch scratch, ref SearchStats stats)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
        where TFilter : struct, IRowFilter
    {
        int[] pending = scratch.Pending;
        scratch.TryMark(OrderedKey.Row(entry));
        scratch.Candidates.Enqueue(OrderedKey.Row(entry), entry);
        if (filter.Allows(OrderedKey.Row(entry))) scratch.Insert(entry, ef);
        if (links.TwinCount > 0) InsertTwins(links, entry, limit, ef, filter, scratch);
        while (scratch.Candidates.TryDequeue(out int current, out ulong key))
        {
            if (scratch.BeamCount == ef && key > scratch.Beam[ef - 1]) return true;
            if (budget < 0) return false;
            int count = Collect(measure, links, current, 0, limit, scratch);
            stats.Hops++;
            stats.DistanceComputations += count;
            budget -= count;
            for (int i = 0; i < count; i++)
            {
                int row = pending[i];
                ulong found = OrderedKey.Pack(measure.ToRow(row), row);
                if (scratch.BeamCount == ef && found > scratch.Beam[ef - 1]) continue;
                scratch.Candidates.Enqueue(row, found);
                if (filter.Allows(row)) scratch.Insert(found, ef);
                if (links.TwinCount > 0) InsertTwins(links, found, limit, ef, filter, scratch);
            }
        }

        return true;
    }

    /// <summary>Puts the rows with the same vector into the beam too: at the same distance, and with nothing to walk to.</summary>
    public static void InsertTwins<TFilter>(GraphLinks links, ulong key, int limit, int ef, TFilter filter, HnswScratch scratch)
        where TFilter : struct, IRowFilter
    {
        float distance = OrderedKey.Distance(key);
        for (int row = links.TwinOf(OrderedKey.Row(key)); row >= 0 && row < limit; row = links.TwinOf(row))
        {
            // Rows rise along the chain: when one is too far, so are the rest.
            if (filter.Allows(row) && scratch.Insert(OrderedKey.Pack(distance, row) | OrderedKey.Mark, ef) < 0) return;
        }
    }

    private static int Collect<TRows, TMetric>(
        in Measure<TRows, TMetric> measure, GraphLinks links, int row, int level, int limit, HnswScratch scratch)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        int count = 0;
        int[] pending = scratch.Pending;
        ReadOnlySpan<int> list = links.List(row, level);
        for (int i = 0; i < list.Length; i++)
        {
            int neighbour = list[i];
            if (neighbour < 0) break;
            if (neighbour >= limit || !scratch.TryMark(neighbour)) continue;
            pending[count++] = neighbour;
            measure.Prefetch(neighbour);
        }

        return count;
    }
}
