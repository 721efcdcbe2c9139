using MiniMilvus.Core.Time;
using MiniMilvus.Index.Bitmaps;

namespace MiniMilvus.QueryNode.Segments;

/// <summary>
/// Which rows of a segment were deleted, and when: (row, tick) in tick order. One writer under the shard's lock; readers take the published
/// state and look at the prefix up to their timestamp. A delete that arrives late (from a delete file that overlaps the log) is sorted in.
/// </summary>
internal sealed class DeleteMask
{
    private readonly Dictionary<int, ulong> _earliest = [];
    private State _state = new([], [], 0);
    private Cached? _cached;

    /// <summary>Rows with a delete, at whatever time.</summary>
    public int Count => Volatile.Read(ref _state).Count;

    /// <summary>Records that the rows were deleted at a tick; an earlier delete of a row stands.</summary>
    public void Add(IReadOnlyList<int> rows, Timestamp tick)
    {
        var state = _state;
        var (ordered, ticks, count) = (state.Rows, state.Ticks, state.Count);
        var isLate = count > 0 && ticks[count - 1] > tick.Value;
        if (isLate || ordered.Length < count + rows.Count)
        {
            var capacity = Math.Max(16, Math.Max(count + rows.Count, ordered.Length * 2));
            Array.Resize(ref ordered, capacity);
            Array.Resize(ref ticks, capacity);
        }

        foreach (var row in rows)
        {
            if (_earliest.TryGetValue(row, out var known) && known <= tick.Value)
            {
                continue;
            }

            _earliest[row] = tick.Value;
            // Readers of the old state never look past its count.
            ordered[count] = row;
            ticks[count++] = tick.Value;
        }

        if (isLate)
        {
            Array.Sort(ticks, ordered, 0, count);
        }

        Volatile.Write(ref _state, new State(ordered, ticks, count));
    }

    /// <summary>Takes the rows below <paramref name="limit"/> that are deleted at <paramref name="at"/> out of the bitmap; null stands for all rows.</summary>
    public BitSet? Exclude(BitSet? allowed, int limit, Timestamp at)
    {
        var state = Volatile.Read(ref _state);
        var count = state.CountAt(at.Value);
        if (count == 0)
        {
            return allowed;
        }

        var cached = Volatile.Read(ref _cached);
        if (allowed is null && cached is not null && cached.State == state && cached.Count == count && cached.Kept.Length == limit)
        {
            return cached.Kept;
        }

        var kept = allowed ?? new BitSet(limit, true);
        for (var i = 0; i < count; i++)
        {
            if (state.Rows[i] < limit)
            {
                kept.Set(state.Rows[i], false);
            }
        }

        if (allowed is null)
        {
            Volatile.Write(ref _cached, new Cached(state, count, kept));
        }

        return kept;
    }

    /// <summary>Whether one row is deleted at a timestamp.</summary>
    public bool IsDeleted(int row, Timestamp at)
    {
        var state = Volatile.Read(ref _state);
        var count = state.CountAt(at.Value);
        return count > 0 && Array.IndexOf(state.Rows, row, 0, count) >= 0;
    }

    private sealed class State(int[] rows, ulong[] ticks, int count)
    {
        public int[] Rows => rows;
        public ulong[] Ticks => ticks;
        public int Count => count;

        /// <summary>Entries with a tick at or below the given one.</summary>
        public int CountAt(ulong tick)
        {
            if (count == 0 || ticks[count - 1] <= tick)
            {
                return count;
            }

            int low = 0, high = count;
            while (low < high)
            {
                var middle = (low + high) >>> 1;
                (low, high) = ticks[middle] <= tick ? (middle + 1, high) : (low, middle);
            }

            return low;
        }
    }

    private sealed record Cached(State State, int Count, BitSet Kept);
}
