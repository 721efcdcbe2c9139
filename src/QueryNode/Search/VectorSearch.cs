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
/// scans for the rest. Long scans are cut into slices that several threads can take; what comes out does not depend on how many. Where keys repeat
/// or a range cuts, the heap is enlarged until k rows are left or no row is.
/// </summary>
internal sealed class VectorSearch
{
    private readonly SearchRequest _request;
    private readonly ImmutableArray<SegmentCut> _cuts;
    private readonly ImmutableArray<ImmutableArray<SearchPiece>> _slices;
    private readonly VectorSpace _space;
    private readonly HnswScratchPool _scratch;
    private readonly int _ef;
    private readonly float _refineK;
    private readonly long _visible;

    /// <param name="slicesMax">Threads that may be at one query at once.</param>
    public VectorSearch(SearchRequest request, ImmutableArray<SegmentCut> cuts, int dimension, QueryNodeOptions options, HnswScratchPool scratch, int slicesMax)
    {
        _request = request;
        _cuts = cuts;
        _space = new VectorSpace(request.Metric, dimension);
        _scratch = scratch;
        _ef = request.Ef > 0 ? request.Ef : options.EfDefault;
        _refineK = request.RefineK > 0 ? request.RefineK : options.RefineKDefault;
        var pieces = new List<SearchPiece>();
        var parts = new List<VectorPart>();
        for (var i = 0; i < cuts.Length; i++)
        {
            var cut = cuts[i];
            _visible += cut.Count;
            parts.Clear();
            cut.Segment.AddVectors(request.VectorField, request.Metric, cut.Rows, parts);
            foreach (var part in parts)
            {
                SearchPiece.Add(part, Bits(cut, part), ((long)i << 32) + part.FirstRow, pieces);
            }
        }

        _slices = SearchPiece.Slice(pieces, Math.Max(1, options.SliceFloats / dimension), slicesMax);
    }

    /// <summary>How many threads can share a query.</summary>
    public int Slices => _slices.Length;

    public SearchCost Cost(long distances) => new(distances, _visible, _cuts.Count(c => c.Segment.IsGrowing), _cuts.Count(c => !c.Segment.IsGrowing));

    /// <summary>What a slice has for the queries first … first + count − 1.</summary>
    public SliceFinds Collect(int slice, int first, int count)
    {
        var stats = default(SearchStats);
        var heaps = Collect([_slices[slice]], first, count, _request.TopK, ref stats);
        return new SliceFinds(heaps, stats.DistanceComputations);
    }

    /// <summary>Answers the queries first … first + count − 1 from what all slices have.</summary>
    public (ImmutableArray<ImmutableArray<Hit>> Hits, long Distances) Finish(int first, int count, IReadOnlyList<SliceFinds> slices)
    {
        var stats = default(SearchStats);
        var k = _request.TopK;
        var answers = ImmutableArray.CreateBuilder<ImmutableArray<Hit>>(count);
        for (var i = 0; i < count; i++)
        {
            var wanted = k;
            var found = Merge(slices, i);
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
                found = Collect(_slices, first + i, 1, wanted, ref stats)[0].DrainSorted();
            }
        }

        return (answers.MoveToImmutable(), stats.DistanceComputations + slices.Sum(s => s.Distances));
    }

    private static Neighbor[] Merge(IReadOnlyList<SliceFinds> slices, int query)
    {
        ref var heap = ref slices[0].Heaps[query];
        for (var slice = 1; slice < slices.Count; slice++)
        {
            foreach (var neighbor in slices[slice].Heaps[query].DrainSorted())
            {
                heap.Push(neighbor.Key, neighbor.Distance);
            }
        }

        return heap.DrainSorted();
    }

    private TopKHeap[] Collect(ImmutableArray<ImmutableArray<SearchPiece>> slices, int first, int count, int k, ref SearchStats stats)
    {
        var bounded = (int)Math.Max(1, Math.Min(k, _visible));
        var heaps = new TopKHeap[count];
        for (var i = 0; i < count; i++)
        {
            heaps[i] = new TopKHeap(bounded);
        }

        var queries = _request.Queries.Span.Slice(first * _space.Dimension, count * _space.Dimension);
        var results = new Neighbor[bounded];
        foreach (var piece in slices.SelectMany(s => s))
        {
            if (piece.Graph is not { } graph)
            {
                stats.DistanceComputations += (long)count * (piece.Allowed?.Count(piece.First, piece.Rows) ?? piece.Rows);
                ExactScan.ScanBatch(piece.Source, piece.First, piece.Rows, queries, piece.Allowed, heaps, piece.KeyBase);
                continue;
            }

            for (var i = 0; i < count; i++)
            {
                var search = new HnswSearch(bounded, Math.Max(_ef, bounded)) { Allowed = piece.Allowed, RowLimit = piece.Rows, RefineK = _refineK };
                var found = graph.Search(queries.Slice(i * _space.Dimension, _space.Dimension), search, _scratch, results, ref stats);
                foreach (var neighbor in results.AsSpan(0, found))
                {
                    heaps[i].Push(piece.KeyBase + neighbor.Key, neighbor.Distance);
                }
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
}
