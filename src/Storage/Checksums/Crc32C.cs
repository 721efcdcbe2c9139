using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;

namespace MiniMilvus.Storage.Checksums;

/// <summary>CRC-32C (Castagnoli, reflected, initial value and final xor of all ones) as every format of this project uses it: "123456789" gives E3069283.</summary>
public static class Crc32C
{
    private const int LaneBytes = 1024;
    private static readonly uint[] LaneTable = MakeLaneTable();

    public static uint Of(ReadOnlySpan<byte> bytes) => Finish(Append(Start, bytes));

    public static uint Of(ReadOnlySequence<byte> bytes)
    {
        var state = Start;
        foreach (var part in bytes)
        {
            state = Append(state, part.Span);
        }

        return Finish(state);
    }

    /// <summary>The state before the first byte; feed it to <see cref="Append"/>, end with <see cref="Finish"/>.</summary>
    public const uint Start = uint.MaxValue;

    public static uint Append(uint state, ReadOnlySpan<byte> bytes)
    {
        if (Crc32CFolding.IsWorthwhile(bytes.Length))
        {
            Span<byte> remainder = stackalloc byte[Crc32CFolding.RemainderBytes];
            var folded = Crc32CFolding.Fold(state, bytes, remainder);
            return AppendPlainly(AppendPlainly(0, remainder), bytes[folded..]);
        }

        return AppendInLanes(state, bytes);
    }

    /// <summary>The same where vectors cannot multiply.</summary>
    internal static uint AppendInLanes(uint state, ReadOnlySpan<byte> bytes)
    {
        // The instruction takes three cycles and one can begin in each: three lanes at once, put together by linearity.
        while (bytes.Length >= 3 * LaneBytes)
        {
            var (a, b, c) = (state, 0u, 0u);
            for (var i = 0; i < LaneBytes; i += 8)
            {
                a = BitOperations.Crc32C(a, BinaryPrimitives.ReadUInt64LittleEndian(bytes[i..]));
                b = BitOperations.Crc32C(b, BinaryPrimitives.ReadUInt64LittleEndian(bytes[(LaneBytes + i)..]));
                c = BitOperations.Crc32C(c, BinaryPrimitives.ReadUInt64LittleEndian(bytes[((2 * LaneBytes) + i)..]));
            }

            state = PastLane(PastLane(a) ^ b) ^ c;
            bytes = bytes[(3 * LaneBytes)..];
        }

        return AppendPlainly(state, bytes);
    }

    private static uint AppendPlainly(uint state, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length >= 8)
        {
            state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        foreach (var b in bytes)
        {
            state = BitOperations.Crc32C(state, b);
        }

        return state;
    }

    public static uint Finish(uint state) => ~state;

    /// <summary>The state after a lane of zeros.</summary>
    private static uint PastLane(uint state) =>
        LaneTable[state & 0xFF] ^ LaneTable[256 + ((state >> 8) & 0xFF)] ^ LaneTable[512 + ((state >> 16) & 0xFF)] ^ LaneTable[768 + (state >> 24)];

    private static uint[] MakeLaneTable()
    {
        var (zeros, table) = (new byte[LaneBytes], new uint[4 * 256]);
        for (var bit = 0; bit < 32; bit++)
        {
            var of = AppendPlainly(1u << bit, zeros);
            for (var value = 0; value < 256; value++)
            {
                table[(bit / 8 * 256) + value] ^= ((value >> (bit % 8)) & 1) == 0 ? 0 : of;
            }
        }

        return table;
    }

    /// <summary>
    /// The form in which a checksum is stored inside the bytes that another checksum covers. Stored plainly it would make the outer one
    /// a constant (the residue of the polynomial), whatever the content.
    /// </summary>
    public static uint Mask(uint checksum) => BitOperations.RotateRight(checksum, 15) + 0x4D4D_C0DEu;
}
