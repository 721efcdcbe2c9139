using System.Runtime.CompilerServices;

namespace MiniMilvus.Index.Ranking;

/// <summary>
/// The k best of any number of offers, in a bounded heap with the worst on top. A mutable struct over one array: pass it by
/// <c>ref</c>. Ties are broken by key; a distance that is not a number counts as infinitely far.
/// </summary>
public struct TopKHeap
{
    private readonly Neighbor[] _items;
    private int _count;

    /// <summary>Creates an empty heap for k items, k ≥ 1.</summary>
    public TopKHeap(int k)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        _items = new Neighbor[k];
    }

    /// <summary>The bound.</summary>
    public readonly int K => _items.Length;

    /// <summary>Items held, at most <see cref="K"/>.</summary>
    public readonly int Count => _count;

    /// <summary>The distance above which an offer cannot enter: infinity until the heap is full. An equal one may, by its key.</summary>
    public readonly float Threshold
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _count < _items.Length ? float.PositiveInfinity : _items[0].Distance;
    }

    /// <summary>Empties the heap and keeps its memory.</summary>
    public void Clear() => _count = 0;

    /// <summary>Offers an item; returns whether it entered.</summary>
    public bool Push(long key, float distance)
    {
        var offer = new Neighbor(key, float.IsNaN(distance) ? float.PositiveInfinity : distance);
        if (_count < _items.Length)
        {
            SiftUp(_count++, offer);
            return true;
        }

        if (!Neighbor.IsBefore(offer, _items[0])) return false;
        SiftDown(_items, 0, _count, offer);
        return true;
    }

    /// <summary>Takes everything out, best first; the heap is empty afterwards.</summary>
    public Neighbor[] DrainSorted()
    {
        var sorted = new Neighbor[_count];
        DrainSorted(sorted);
        return sorted;
    }

    /// <summary>Takes everything out into the span, best first, and returns how many; the heap is empty afterwards.</summary>
    public int DrainSorted(Span<Neighbor> sorted)
    {
        int count = _count;
        if (sorted.Length < count) throw new ArgumentException($"expected room for {count}, found {sorted.Length}", nameof(sorted));
        for (int end = count - 1; end >= 0; end--)
        {
            sorted[end] = _items[0];
            if (end > 0) SiftDown(_items, 0, end, _items[end]);
        }

        _count = 0;
        return count;
    }

    private readonly void SiftUp(int index, in Neighbor item)
    {
        while (index > 0)
        {
            int parent = (index - 1) >> 1;
            if (!Neighbor.IsBefore(_items[parent], item)) break;
            _items[index] = _items[parent];
            index = parent;
        }

        _items[index] = item;
    }

    private static void SiftDown(Neighbor[] items, int index, int count, Neighbor item)
    {
        while (true)
        {
            int child = 2 * index + 1;
            if (child >= count) break;
            if (child + 1 < count && Neighbor.IsBefore(items[child], items[child + 1])) child++;
            if (!Neighbor.IsBefore(item, items[child])) break;
            items[index] = items[child];
            index = child;
        }

        items[index] = item;
    }
}
