using System.Runtime.CompilerServices;

namespace MiniMilvus.Index.Ranking;

/// <summary>
/// A distance and a row in one ulong whose unsigned order is (distance, row): high 32 bits the distance mapped to an ordered
/// integer, then the row, then one bit free for a mark. Makes a sorted beam a plain sorted array. Not-a-number sorts last.
/// </summary>
internal static class OrderedKey
{
    public const ulong Mark = 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Pack(float distance, int row)
    {
        // Adding zero turns −0 into +0: equal distances must have equal bits.
        uint bits = BitConverter.SingleToUInt32Bits(float.IsNaN(distance) ? float.PositiveInfinity : distance + 0f);
        uint ordered = bits ^ ((uint)((int)bits >> 31) | 0x8000_0000u);
        return (ulong)ordered << 32 | (uint)row << 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Row(ulong key) => (int)((uint)key >> 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Distance(ulong key)
    {
        uint ordered = (uint)(key >> 32);
        return BitConverter.UInt32BitsToSingle(ordered ^ ((uint)((int)~ordered >> 31) | 0x8000_0000u));
    }
}
