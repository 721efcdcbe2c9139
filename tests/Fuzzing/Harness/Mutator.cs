using System.Buffers.Binary;
using System.Text;

namespace MiniMilvus.Fuzzing.Harness;

/// <summary>What is done to bytes that were whole.</summary>
internal enum Mutation
{
    FlippedBit,
    ChangedBytes,
    Truncated,
    Extended,
    Spliced,
    ZeroedPage,
    DuplicatedPage,
    RandomTail,
    ExtremeNumber,
    ReplacedToken,
}

/// <summary>One mutation, decided by its random numbers alone.</summary>
internal static class Mutator
{
    private static readonly long[] Extremes =
    [
        int.MaxValue, int.MinValue, long.MaxValue, long.MinValue, -1, 0, 1, 0x20000000, 0x40000000, 0x7FFFFFC7, uint.MaxValue, 65535, 0x0010000000000000,
    ];

    private static readonly byte[][] Tokens =
    [
        .. new[]
        {
            "null", "-1", "0", "1e999", "9223372036854775807", "9223372036854775808", "1.5", "true", "\"\"", "\"\\ud800\"", "{}", "[]", "[null]", "NaN", new string('[', 200),
            "\"" + new string('x', 500) + "\"", "{\"$type\":\"x\"}",
        }.Select(Encoding.ASCII.GetBytes),
    ];

    public static byte[] Apply(Mutation mutation, byte[] whole, byte[] other, Random random)
    {
        var at = random.Next(whole.Length + 1);
        var page = Math.Min(random.Next(4) switch { 0 => 512, 1 => 64, 2 => 8, _ => 1 + random.Next(Math.Max(1, whole.Length / 2)) }, Math.Max(1, whole.Length));
        var start = random.Next(Math.Max(1, whole.Length - page + 1));
        switch (mutation)
        {
            case Mutation.FlippedBit:
                return Changed(whole, bytes => bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8)));
            case Mutation.ChangedBytes:
                return Changed(whole, bytes =>
                {
                    for (var i = random.Next(1, 6); i > 0; i--)
                    {
                        bytes[random.Next(bytes.Length)] = random.Next(4) switch { 0 => 0xFF, 1 => 0x7F, 2 => 0, _ => (byte)random.Next(256) };
                    }
                });
            case Mutation.Truncated:
                return whole[..at];
            case Mutation.Extended:
                return [.. whole, .. Random(random, 1 + random.Next(200), zeros: random.Next(2) == 0)];
            case Mutation.Spliced:
                return random.Next(2) == 0 ? [.. whole[..at], .. other[Math.Min(at, other.Length)..]] : [.. whole[..at], .. other[random.Next(other.Length + 1)..]];
            case Mutation.ZeroedPage:
                return Changed(whole, bytes => bytes.AsSpan(start, Math.Min(page, bytes.Length - start)).Clear());
            case Mutation.DuplicatedPage when random.Next(2) == 0:
                return [.. whole[..(start + page)], .. whole[start..]];
            case Mutation.DuplicatedPage:
                return Changed(whole, bytes => whole.AsSpan(start, page).CopyTo(bytes.AsSpan(random.Next(bytes.Length - page + 1))));
            case Mutation.RandomTail:
                return [.. whole[..at], .. Random(random, whole.Length - at, zeros: false)];
            case Mutation.ExtremeNumber:
                return Changed(whole, bytes => PutExtreme(bytes, random));
            case Mutation.ReplacedToken:
                return ReplaceToken(whole, random);
            default:
                throw new ArgumentOutOfRangeException(nameof(mutation), mutation, null);
        }
    }

    private static byte[] Changed(byte[] whole, Action<byte[]> change)
    {
        var bytes = (byte[])whole.Clone();
        if (bytes.Length > 0)
        {
            change(bytes);
        }

        return bytes;
    }

    private static void PutExtreme(byte[] bytes, Random random)
    {
        var value = random.Next(8) == 0 ? bytes.Length + random.Next(-1, 2) : Extremes[random.Next(Extremes.Length)];
        var size = random.Next(3) switch { 0 => 2, 1 => 4, _ => 8 };
        var at = random.Next(Math.Max(1, bytes.Length - size + 1));
        at = random.Next(4) == 0 ? at : at / 4 * 4; // most numbers lie aligned
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(number, value);
        number[..Math.Min(size, bytes.Length - at)].CopyTo(bytes.AsSpan(at));
    }

    /// <summary>One word of a text (a number, a name, a quoted string) becomes another; bytes without words get one inserted.</summary>
    private static byte[] ReplaceToken(byte[] whole, Random random)
    {
        var start = random.Next(whole.Length + 1);
        while (start < whole.Length && !IsWord(whole[start]))
        {
            start++;
        }

        while (start > 0 && start < whole.Length && IsWord(whole[start - 1]))
        {
            start--;
        }

        var end = start;
        while (end < whole.Length && IsWord(whole[end]))
        {
            end++;
        }

        if (start > 0 && end < whole.Length && whole[start - 1] == '"' && whole[end] == '"')
        {
            (start, end) = (start - 1, end + 1);
        }

        return [.. whole[..start], .. Tokens[random.Next(Tokens.Length)], .. whole[end..]];
    }

    private static bool IsWord(byte b) => char.IsAsciiLetterOrDigit((char)b) || b is (byte)'_' or (byte)'-' or (byte)'.';

    private static byte[] Random(Random random, int length, bool zeros)
    {
        var bytes = new byte[length];
        if (!zeros)
        {
            random.NextBytes(bytes);
        }

        return bytes;
    }
}
