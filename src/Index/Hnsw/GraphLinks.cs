using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace MiniMilvus.Index.Hnsw;

/// <summary>
/// The adjacency lists in two flat arrays, allocated once for the whole capacity. A list ends at <see cref="End"/> or when its slots
/// are used up. The writer replaces entries one aligned int at a time, so a reader that races it sees a mixture of the old and the new
/// list, every entry of which is a row that was linked. That is why readers need no lock.
/// </summary>
internal sealed class GraphLinks
{
    public const int End = -1;

    private readonly int[] _ground;
    private readonly int[] _upper;
    private readonly int[] _upperStart;
    private readonly int[] _twins;
    private int _twinCount;

    public GraphLinks(byte[] levels, int m)
    {
        Levels = levels;
        M = m;
        long upper = 0;
        _upperStart = new int[levels.Length];
        for (int row = 0; row < levels.Length; row++)
        {
            _upperStart[row] = (int)upper;
            upper += (long)levels[row] * m;
            if (upper > Array.MaxLength || (row + 1L) * 2 * m > Array.MaxLength)
                throw new ArgumentOutOfRangeException(nameof(m), m, $"expected lists of {levels.Length} rows to fit one array");
        }

        _ground = GC.AllocateUninitializedArray<int>(levels.Length * 2 * m);
        _upper = GC.AllocateUninitializedArray<int>((int)upper);
        _ground.AsSpan().Fill(End);
        _upper.AsSpan().Fill(End);
        _twins = new int[levels.Length];
        _twins.AsSpan().Fill(End);
    }

    public byte[] Levels { get; }

    public int M { get; }

    public int Capacity => Levels.Length;

    public long MemoryBytes => (long)(_ground.Length + _upper.Length + _upperStart.Length + _twins.Length) * sizeof(int) + Levels.Length;

    /// <summary>Slots of a list on a level.</summary>
    public int Slots(int level) => level == 0 ? 2 * M : M;

    /// <summary>The slots of a row on a level that it has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Span<int> List(int row, int level) => level == 0
        ? MemoryMarshal.CreateSpan(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_ground), (nint)row * 2 * M), 2 * M)
        : _upper.AsSpan(_upperStart[row] + (level - 1) * M, M);

    /// <summary>Asks the cache for a row's ground list: a row that enters the beam is likely to be walked to soon.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe void Prefetch(int row)
    {
        if (!Sse.IsSupported) return;
        ref int first = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_ground), (nint)row * 2 * M);
        for (int offset = 0; offset < 2 * M; offset += 16) Sse.Prefetch0(Unsafe.AsPointer(ref Unsafe.Add(ref first, offset)));
    }

    /// <summary>Rows that hang on another one instead of being linked themselves.</summary>
    public int TwinCount => Volatile.Read(ref _twinCount);

    /// <summary>
    /// The next row with exactly the same vector, or <see cref="End"/>. Of equal rows only the first is linked; the others follow it in a
    /// chain of rising rows. Linked like any row they would fill each other's lists and cut themselves off from the rest.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int TwinOf(int row) => Volatile.Read(ref _twins[row]);

    public void AddTwin(int row, int next)
    {
        Volatile.Write(ref _twins[row], next);
        Volatile.Write(ref _twinCount, _twinCount + 1);
    }

    /// <summary>Entries in use; for the writer and for finished graphs.</summary>
    public static int CountOf(ReadOnlySpan<int> list)
    {
        int end = list.IndexOf(End);
        return end < 0 ? list.Length : end;
    }
}
