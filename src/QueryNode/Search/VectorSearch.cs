using System.Collections.Immutable;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Rows;
using MiniMilvus.Index.Bitmaps;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Scan;
using MiniMilvus.QueryNode.Segments;

namespace MiniMilvus.QueryNode.Search;

/// <summary>A found row: which segment of the read, which row, and its score as users see it.</summary>
internal readonly record struct Hit(Segment Segment, int Row, PrimaryKey Key, float Score);

/// <summary>
/// Top-k of some queries over the segments of a read. All segments offer their rows to one heap a query: graphs for what is linked, exact
/// scans for the rest. Where keys repeat or a range cuts, the heap is enlarged until k rows are left or no row is.
/// </summary>
internal sealed class VectorSearch
{
    private readonly SearchRequest _request;
    private readonly ImmutableArray<SegmentCut> _cuts;
    private readonly List<Part> _parts = [];
    private readonly VectorSpace _space;
    private readonly HnswScratchPool _scratch;
    private readonly int _ef;
    private readonly float _refineK;
    private readonly long _visible;

    public VectorSearch(SearchRequest request, ImmutableArray<SegmentCut> cuts, int dimension, QueryNodeOptions options, HnswScratchPool scratch)
    {
        _request = request;
        _cuts = cuts;
        _space = new VectorSpace(request.Metric, dimension);
        _scratch = scratch;
        _ef = request.Ef > 0 ? request.Ef : options.EfDefault;
        _refineK = request.RefineK > 0 ? request.RefineK : options.RefineKDefault;
        var parts = new List<VectorPart>();
        for (var i = 0; i < cuts.Length; i++)
        {
            var cut = cuts[i];
            _visible += cut.Count;
            parts.Clear();
            cut.Segment.AddVectors(request.VectorField, request.Metric, cut.Rows, parts);
            foreach (var part in parts)
            {
                _parts.Add(new Part(part, Bits(cut, part), ((long)i << 32) + part.FirstRow));
            }
        }
    }

    public SearchCost Cost(long distances) => new(distances, _visible, _cuts.Count(c => c.Segment.IsGrowing), _cuts.Count(c => !c.Segment.IsGrowing));

    /// <summary>Answers the queries first … first + count − 1.</summary>
    public (ImmutableArray<ImmutableArray<Hit>> Hits, long Distances) Run(int first, int count)
    {
        var stats = default(SearchStats);
        var k = _request.TopK;
        var answers = ImmutableArray.CreateBuilder<ImmutableArray<Hit>>(count);
        var heaps = Collect(first, count, k, ref stats);
        for (var i = 0; i < count; i++)
        {
            var wanted = k;
            var found = heaps[i].DrainSorted();
            while (true)
            {
                var hits = Reduce(found, out var isBeyondRange);
                var isAll = found.Length < wanted || wanted >= _visible;
                if (hits.Length == k || isAll || isBeyondRange)
                {
                    answers.Add(hits);
                    break;
                }

                wanted = (int)Math.Min(wanted * 4L, _visible);
                found = Collect(first + i, 1, wanted, ref stats)[0].DrainSorted();
            }
        }

        return (answers.MoveToImmutable(), stats.DistanceComputations);
    }

    private TopKHeap[] Collect(int first, int count, int k, ref SearchStats stats)
    {
        var bounded = (int)Math.Max(1, Math.Min(k, _visible));
        var heaps = new TopKHeap[count];
        for (var i = 0; i < count; i++)
        {
            heaps[i] = new TopKHeap(bounded);
        }

        var queries = _request.Queries.Span.Slice(first * _space.Dimension, count * _space.Dimension);
        var results = new Neighbor[bounded];
        foreach (var part in _parts)
        {
            var (vectors, allowed, keyBase) = part;
            var linked = Math.Min(vectors.Index?.Count ?? 0, vectors.Rows);
            for (var i = 0; i < count && linked > 0; i++)
            {
                var search = new HnswSearch(bounded, Math.Max(_ef, bounded)) { Allowed = allowed, RowLimit = linked, RefineK = _refineK };
                var found = vectors.Index!.Search(queries.Slice(i * _space.Dimension, _space.Dimension), search, _scratch, results, ref stats);
                foreach (var neighbor in results.AsSpan(0, found))
                {
                    heaps[i].Push(keyBase + neighbor.Key, neighbor.Distance);
                }
            }

            if (linked < vectors.Rows)
            {
                var rest = vectors.Rows - linked;
                stats.DistanceComputations += (long)count * (allowed?.Count(linked, rest) ?? rest);
                ExactScan.ScanBatch(vectors.Source, linked, rest, queries, allowed, heaps, keyBase);
            }
        }

        return heaps;
    }

    // Best first; equal distances by key, then by age: the same order every time (Q5).
    private ImmutableArray<Hit> Reduce(Neighbor[] found, out bool isBeyondRange)
    {
        isBeyondRange = false;
        var hits = new List<Hit>(found.Length);
        foreach (var neighbor in found)
        {
            var segment = _cuts[(int)(neighbor.Key >> 32)].Segment;
            var row = (int)(uint)neighbor.Key;
            var score = _space.Score(neighbor.Distance);
            if (IsTooFar(score))
            {
                isBeyondRange = true;
                break;
            }

            if (!IsTooNear(score))
            {
                hits.Add(new Hit(segment, row, segment.KeyOf(row), score));
            }
        }

        var sorted = hits.Select((hit, place) => (hit, place)).ToArray();
        Array.Sort(sorted, (a, b) =>
        {
            var order = _space.LargerScoreIsBetter ? b.hit.Score.CompareTo(a.hit.Score) : a.hit.Score.CompareTo(b.hit.Score);
            order = order != 0 ? order : a.hit.Key.CompareTo(b.hit.Key);
            order = order != 0 ? order : b.hit.Segment.TickOf(b.hit.Row).CompareTo(a.hit.Segment.TickOf(a.hit.Row));
            return order != 0 ? order : a.place.CompareTo(b.place);
        });
        var seen = new HashSet<PrimaryKey>();
        return [.. sorted.Select(s => s.hit).Where(h => seen.Add(h.Key)).Take(_request.TopK)];
    }

    // L2: RangeFilter ≤ s < Radius; IP, COSINE: Radius < s ≤ RangeFilter.
    private bool IsTooFar(float score) => _request.Radius is { } radius && (_space.LargerScoreIsBetter ? !(score > radius) : !(score < radius));

    private bool IsTooNear(float score) => _request.RangeFilter is { } bound && (_space.LargerScoreIsBetter ? score > bound : score < bound);

    private static BitSet? Bits(SegmentCut cut, in VectorPart part)
    {
        if (cut.Allowed is null || (part.FirstRow & 63) == 0)
        {
            return cut.Slice(part.FirstRow, part.Rows);
        }

        // Parts made from single batches begin anywhere.
        var bits = new BitSet(part.Rows);
        for (var row = 0; row < part.Rows; row++)
        {
            bits.Set(row, cut.Allowed.Get(part.FirstRow + row));
        }

        return bits;
    }

    private readonly record struct Part(VectorPart Vectors, BitSet? Allowed, long KeyBase);
}
