using System.Collections.Immutable;
using MiniMilvus.Index;
using MiniMilvus.Index.Bitmaps;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Vectors;
using MiniMilvus.QueryNode.Segments;

namespace MiniMilvus.QueryNode.Search;

/// <summary>What a slice of a search has found: a heap a query.</summary>
internal sealed record SliceFinds(TopKHeap[] Heaps, long Distances);

/// <summary>A walk through a graph over the rows 0 … Rows − 1 of a source, or a scan of the rows First … First + Rows − 1.</summary>
internal readonly record struct SearchPiece(VectorSource Source, VectorIndex? Graph, int First, int Rows, BitSet? Allowed, long KeyBase)
{
    /// <summary>About how many rows are scanned in the time of a walk.</summary>
    private const int WalkRows = 2_000;

    private int Cost => Graph is null ? Rows : Math.Min(Rows, WalkRows);

    /// <summary>A part of a segment: what its graph links now is walked, the rest is scanned.</summary>
    public static void Add(in VectorPart part, BitSet? allowed, long keyBase, List<SearchPiece> to)
    {
        var linked = Math.Min(part.Index?.Count ?? 0, part.Rows);
        if (linked > 0)
        {
            to.Add(new SearchPiece(part.Source, part.Index, 0, linked, allowed, keyBase));
        }

        if (linked < part.Rows)
        {
            to.Add(new SearchPiece(part.Source, null, linked, part.Rows - linked, allowed, keyBase));
        }
    }

    /// <summary>Shares the pieces out: one slice up to so many rows, and never more slices than asked for. Long scans are cut.</summary>
    public static ImmutableArray<ImmutableArray<SearchPiece>> Slice(List<SearchPiece> pieces, int rowsOfSlice, int slicesMax)
    {
        var slices = (int)Math.Clamp(pieces.Sum(p => (long)p.Cost) / rowsOfSlice, 1, slicesMax);
        if (slices == 1)
        {
            return [[.. pieces]];
        }

        var shares = Enumerable.Range(0, slices).Select(_ => ImmutableArray.CreateBuilder<SearchPiece>()).ToArray();
        var costs = new int[slices];
        foreach (var piece in pieces.SelectMany(p => p.Cut(rowsOfSlice)).OrderByDescending(p => p.Cost))
        {
            var least = Array.IndexOf(costs, costs.Min());
            shares[least].Add(piece);
            costs[least] += piece.Cost;
        }

        return [.. shares.Select(s => s.ToImmutable())];
    }

    private IEnumerable<SearchPiece> Cut(int rows)
    {
        if (Graph is not null)
        {
            yield return this;
            yield break;
        }

        for (var at = 0; at < Rows; at += rows)
        {
            yield return this with { First = First + at, Rows = Math.Min(rows, Rows - at) };
        }
    }
}
