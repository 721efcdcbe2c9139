using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;

namespace MiniMilvus.Storage.Checksums;

/// <summary>CRC-32C (Castagnoli, reflected, initial value and final xor of all ones) as every format of this project uses it: "123456789" gives E3069283.</summary>
public static class Crc32C
{
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

    /// <summary>
    /// The form in which a checksum is stored inside the bytes that another checksum covers. Stored plainly it would make the outer one
    /// a constant (the residue of the polynomial), whatever the content.
    /// </summary>
    public static uint Mask(uint checksum) => BitOperations.RotateRight(checksum, 15) + 0x4D4D_C0DEu;
}
