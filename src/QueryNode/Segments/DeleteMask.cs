using MiniMilvus.Core.Time;
using MiniMilvus.Index.Bitmaps;

namespace MiniMilvus.QueryNode.Segments;

/// <summary>A delete of one row.</summary>
internal readonly record struct RowDelete(int Row, Timestamp Tick);

/// <summary>
/// Which rows of a segment were deleted, and when: (row, tick) in tick order, each row once. One writer under the shard's lock; readers take the
/// published state and look at the prefix up to their timestamp. Delete files and the log overlap: what is known already costs nothing.
/// </summary>
internal sealed class DeleteMask
{
    private readonly DeleteTicks _first = new();
    private State _state = new([], [], 0);
    private Cached? _cached;

    /// <summary>Rows with a delete, at whatever time.</summary>
    public int Count => Volatile.Read(ref _state).Count;

    public long Bytes => Volatile.Read(ref _state).Bytes + _first.Bytes;

    /// <summary>Records deletes in any order; the earliest of a row stands.</summary>
    public void Add(IEnumerable<RowDelete> deletes)
    {
        var added = deletes.Where(d => _first.TryLower(d.Row, d.Tick)).ToList();
        // Of two deletes of a row in one batch, the earlier one.
        added.RemoveAll(d => _first.Of(d.Row) != d.Tick);
        if (added.Count == 0)
        {
            return;
        }

        added.Sort(static (a, b) => a.Tick.CompareTo(b.Tick));
        var state = _state;
        var isLate = state.Count > 0 && state.Ticks[state.Count - 1] > added[0].Tick.Value;
        Volatile.Write(ref _state, isLate ? Merge(state, added) : Append(state, added));
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
    public bool IsDeleted(int row, Timestamp at) => _first.Of(row) is var tick && tick != Timestamp.Zero && tick <= at;

    private static State Append(State state, List<RowDelete> added)
    {
        var (rows, ticks, count) = (state.Rows, state.Ticks, state.Count);
        if (rows.Length < count + added.Count)
        {
            var capacity = Math.Max(count + added.Count, rows.Length * 2);
            Array.Resize(ref rows, capacity);
            Array.Resize(ref ticks, capacity);
        }

        foreach (var delete in added)
        {
            // Readers of the old state never look past its count.
            rows[count] = delete.Row;
            ticks[count++] = delete.Tick.Value;
        }

        return new State(rows, ticks, count);
    }

    // Into arrays of their own: readers may be in the old ones.
    private State Merge(State state, List<RowDelete> added)
    {
        var (rows, ticks, count) = (new int[state.Count + added.Count], new ulong[state.Count + added.Count], 0);
        var next = 0;
        for (var i = 0; i <= state.Count; i++)
        {
            for (; next < added.Count && (i == state.Count || added[next].Tick.Value < state.Ticks[i]); next++)
            {
                (rows[count], ticks[count]) = (added[next].Row, added[next].Tick.Value);
                count++;
            }

            // Not what an earlier delete of the same row has just replaced.
            if (i < state.Count && _first.Of(state.Rows[i]).Value == state.Ticks[i])
            {
                (rows[count], ticks[count]) = (state.Rows[i], state.Ticks[i]);
                count++;
            }
        }

        return new State(rows, ticks, count);
    }

    private sealed class State(int[] rows, ulong[] ticks, int count)
    {
        public int[] Rows => rows;
        public ulong[] Ticks => ticks;
        public int Count => count;
        public long Bytes => 12L * rows.Length;

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
