namespace MiniMilvus.Index.Ranking;

/// <summary>
/// Merges sorted result lists into one order, an item at a time, so that the caller can drop duplicates by whatever its key stands
/// for and stop when it has enough. Equal items come from the earlier list first. n lists cost one heap of n heads.
/// </summary>
public sealed class SortedMerge
{
    private readonly IReadOnlyList<ReadOnlyMemory<Neighbor>> _lists;
    private readonly int[] _next;
    private readonly PriorityQueue<int, (Neighbor Head, int List)> _heads;

    /// <summary>Starts a merge of lists that are each sorted best first.</summary>
    public SortedMerge(IReadOnlyList<ReadOnlyMemory<Neighbor>> lists)
    {
        _lists = lists;
        _next = new int[lists.Count];
        _heads = new PriorityQueue<int, (Neighbor, int)>(lists.Count);
        for (int list = 0; list < lists.Count; list++) Enqueue(list);
    }

    /// <summary>The next best item and the list that it came from; false at the end.</summary>
    public bool TryNext(out Neighbor item, out int list)
    {
        if (!_heads.TryDequeue(out list, out (Neighbor Head, int) head))
        {
            item = default;
            return false;
        }

        item = head.Head;
        _next[list]++;
        Enqueue(list);
        return true;
    }

    /// <summary>The first k of the merged order, duplicates included.</summary>
    public static Neighbor[] Take(IReadOnlyList<ReadOnlyMemory<Neighbor>> lists, int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(k);
        long total = 0;
        foreach (ReadOnlyMemory<Neighbor> list in lists) total += list.Length;
        var merged = new Neighbor[Math.Min(k, total)];
        var merge = new SortedMerge(lists);
        for (int i = 0; i < merged.Length && merge.TryNext(out merged[i], out _); i++) { }
        return merged;
    }

    private void Enqueue(int list)
    {
        if (_next[list] < _lists[list].Length) _heads.Enqueue(list, (_lists[list].Span[_next[list]], list));
    }
}
