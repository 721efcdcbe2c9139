using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Bitmaps;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Scan;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Hnsw;

// Searching: choose between walk and scan, walk, and make sure that the answer is complete.
public sealed partial class HnswGraph
{
    // A walk meets rows at random and keeps a beam, which makes a distance in it about this much dearer than one in a scan.
    private const double WalkCostPerScanCost = 1.5;

    /// <summary>Returns the k nearest allowed rows, best first; fewer only when fewer are allowed.</summary>
    public Neighbor[] Search(ReadOnlySpan<float> query, int k, int ef, BitSet? allowed, HnswScratchPool pool, ref SearchStats stats)
    {
        var results = new Neighbor[Math.Min(k, Count)];
        int found = Search(query, new HnswSearch(k, ef) { Allowed = allowed, RowLimit = results.Length < k ? results.Length : int.MaxValue }, pool, results, ref stats);
        return found == results.Length ? results : results[..found];
    }

    /// <summary>
    /// Writes the nearest allowed rows, best first, and returns how many: min(k, allowed rows), always. The keys are row numbers.
    /// <paramref name="results"/> needs room for min(k, rows). Safe beside the writer and beside other searches.
    /// </summary>
    public override int Search(ReadOnlySpan<float> query, in HnswSearch search, HnswScratchPool pool, Span<Neighbor> results, ref SearchStats stats)
    {
        // The entry is read before the count: it lies below it then. See Add.
        int entry = Volatile.Read(ref _entry), count = Count, limit = Math.Min(count, Math.Max(0, search.RowLimit));
        int allowed = search.Allowed is null ? limit : search.Allowed.Count(0, Math.Min(limit, search.Allowed.Length));
        int k = Math.Min(search.K, allowed);
        ArgumentOutOfRangeException.ThrowIfNotEqual(query.Length, Source.Space.Dimension, nameof(query));
        if (k == 0) return 0;
        if (results.Length < k) throw new ArgumentException($"expected room for {k} results, found {results.Length}", nameof(results));
        int ef = Math.Min(Math.Max(search.Ef, k), count);
        bool scan = search.Path == HnswPath.Auto ? ScanIsCheaper(allowed, count, ef) : search.Path == HnswPath.Scan;
        if (!scan)
        {
            HnswScratch scratch = pool.Rent();
            try
            {
                scratch.Prepare(count, ef, _links.Slots(0), query.Length);
                Source.Space.Prepare(query, scratch.Query);
                var walk = new Walk(entry, count, limit, ef, allowed, search, scratch);
                bool complete = Source.Space.Metric switch
                {
                    MetricType.L2 => Run<L2Metric>(walk, ref stats),
                    MetricType.IP => Run<InnerProductMetric>(walk, ref stats),
                    _ => Run<CosineMetric>(walk, ref stats),
                };
                if (complete && scratch.BeamCount >= k)
                {
                    for (int i = 0; i < k; i++)
                        results[i] = new Neighbor(OrderedKey.Row(scratch.Beam[i]), OrderedKey.Distance(scratch.Beam[i]));
                    return k;
                }
            }
            finally
            {
                pool.Return(scratch);
            }
        }

        // Also the way out for a walk that cost too much or could not reach k rows: the answer is complete in any case.
        stats.ExactScans++;
        stats.DistanceComputations += allowed;
        var heap = new TopKHeap(k);
        ExactScan.Scan(Source, 0, limit, query, search.Allowed, ref heap);
        return heap.DrainSorted(results);
    }

    /// <summary>
    /// A walk for ef allowed rows looks at about ef · rows/allowed rows and, for each, at about M new neighbours; a scan looks at every
    /// allowed row. So the threshold is a pass rate of √(1.5 · ef · M / rows): 4 % for a million rows, 12 % for 100,000, at ef 64 and M 16.
    /// </summary>
    private bool ScanIsCheaper(int allowed, int count, int ef) =>
        allowed <= WalkCostPerScanCost * ef * Options.M * count / allowed;

    private bool Run<TMetric>(in Walk walk, ref SearchStats stats) where TMetric : struct, IMetric
    {
        int dimension = Source.Space.Dimension;
        ref readonly float query = ref walk.Scratch.Query[0];
        return Flat(out ReadOnlySpan<float> values)
            ? Run(new Measure<ContiguousRows, TMetric>(new ContiguousRows(values, dimension), Source.InverseNorms, in query, dimension), walk, ref stats)
            : Run(new Measure<BatchedRows, TMetric>(((VectorChunk)Source).View(), Source.InverseNorms, in query, dimension), walk, ref stats);
    }

    private bool Run<TRows, TMetric>(in Measure<TRows, TMetric> measure, in Walk walk, ref SearchStats stats)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        HnswScratch scratch = walk.Scratch;
        stats.DistanceComputations++;
        ulong best = OrderedKey.Pack(measure.ToRow(walk.Entry), walk.Entry);
        for (int level = _links.Levels[walk.Entry]; level > 0; level--)
            best = GraphWalk.Descend(measure, _links, level, walk.Count, best, ref stats);
        if (walk.Allowed == walk.Count)
        {
            scratch.TryMark(OrderedKey.Row(best));
            scratch.Insert(best, walk.Ef);
            bool withTwins = _links.TwinCount > 0;
            if (withTwins) GraphWalk.InsertTwins(_links, best, walk.Count, walk.Ef, default(AllRows), scratch);
            GraphWalk.Beam(measure, _links, 0, walk.Count, walk.Ef, withTwins, scratch, ref stats);
            return true;
        }

        // What a scan would have cost: past that, walking on can only lose.
        long budget = walk.Search.Path == HnswPath.Walk ? long.MaxValue : walk.Allowed;
        return walk.Search.Allowed is null
            ? GraphWalk.Filtered(measure, _links, walk.Count, walk.Ef, new RowsBelow(walk.Limit), best, budget, scratch, ref stats)
            : GraphWalk.Filtered(measure, _links, walk.Count, walk.Ef, new RowsInBelow(walk.Search.Allowed, walk.Limit), best, budget, scratch, ref stats);
    }

    private readonly record struct Walk(int Entry, int Count, int Limit, int Ef, int Allowed, HnswSearch Search, HnswScratch Scratch);
}
