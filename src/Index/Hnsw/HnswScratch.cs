using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MiniMilvus.Index.Hnsw;

/// <summary>
/// The working memory of one walk: which rows were seen, the sorted beam, a heap of candidates and small buffers. Used by one thread
/// at a time; grows to the largest walk it served and is then free of allocations.
/// </summary>
internal sealed class HnswScratch
{
    private const int SeenLogMax = 4096;
    private readonly int[] _seenLog = new int[SeenLogMax];
    private ulong[] _seen = [];
    private int _seenCount;

    public ulong[] Beam { get; private set; } = [];

    public int BeamCount { get; set; }

    /// <summary>One bit a row, for walks that mark in their own loop; see <see cref="ClearSeenWhole"/>.</summary>
    public Span<ulong> Seen => _seen;

    public int[] Pending { get; private set; } = [];

    public float[] Query { get; private set; } = [];

    public PriorityQueue<int, ulong> Candidates { get; } = new();

    public void Prepare(int rows, int ef, int slots, int dimension)
    {
        Reset();
        int words = (rows + 63) >> 6;
        if (_seen.Length < words) _seen = new ulong[words];
        if (Beam.Length < ef) Beam = new ulong[ef];
        if (Pending.Length < slots) Pending = new int[slots];
        if (Query.Length < dimension) Query = new float[dimension];
    }

    /// <summary>Forgets what was seen and empties the beam. Costs the rows seen, or the whole map when they were many.</summary>
    public void Reset()
    {
        if (_seenCount > SeenLogMax) Array.Clear(_seen);
        else foreach (int row in _seenLog.AsSpan(0, _seenCount)) _seen[row >> 6] = 0;
        _seenCount = 0;
        BeamCount = 0;
        Candidates.Clear();
    }

    /// <summary>The walk that follows marks without a log: the next reset clears the whole map.</summary>
    public void ClearSeenWhole() => _seenCount = SeenLogMax + 1;

    /// <summary>Marks a row; false when it was marked already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryMark(int row)
    {
        ref ulong word = ref _seen[row >> 6];
        ulong bit = 1UL << row;
        if ((word & bit) != 0) return false;
        word |= bit;
        if (_seenCount < SeenLogMax) _seenLog[_seenCount] = row;
        _seenCount = Math.Min(_seenCount + 1, SeenLogMax + 1);
        return true;
    }

    /// <summary>Inserts a key into the sorted beam of at most ef keys; returns its place, or −1 when it is too far.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Insert(ulong key, int ef)
    {
        ulong[] beam = Beam;
        int count = BeamCount;
        if (count == ef)
        {
            if (key >= beam[ef - 1]) return -1;
            count--;
        }

        // Without a branch on what is compared: it could not be predicted.
        ref ulong first = ref MemoryMarshal.GetArrayDataReference(beam);
        int low = 0;
        for (int rest = count; rest > 0;)
        {
            int half = (rest + 1) >> 1;
            bool isBelow = Unsafe.Add(ref first, low + half - 1) < key;
            low += -Unsafe.As<bool, byte>(ref isBelow) & half;
            rest = isBelow ? rest - half : half - 1;
        }

        beam.AsSpan(low, count - low).CopyTo(beam.AsSpan(low + 1));
        beam[low] = key;
        BeamCount = count + 1;
        return low;
    }
}

/// <summary>
/// Keeps the working memory of searches between them. Shared by any number of threads; retains at most the given number of
/// workspaces (one per concurrent search is enough) and makes a new one when all are out, so renting never waits.
/// </summary>
public sealed class HnswScratchPool
{
    private readonly HnswScratch?[] _free;

    /// <summary>Creates a pool.</summary>
    public HnswScratchPool(int retainedMax = 16)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(retainedMax, 1);
        _free = new HnswScratch?[retainedMax];
    }

    internal HnswScratch Rent()
    {
        for (int i = 0; i < _free.Length; i++)
        {
            if (_free[i] is not null && Interlocked.Exchange(ref _free[i], null) is { } scratch) return scratch;
        }

        return new HnswScratch();
    }

    internal void Return(HnswScratch scratch)
    {
        for (int i = 0; i < _free.Length; i++)
        {
            if (_free[i] is null && Interlocked.CompareExchange(ref _free[i], scratch, null) is null) return;
        }
    }
}
