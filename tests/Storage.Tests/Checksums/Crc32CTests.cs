using MiniMilvus.Storage.Checksums;

namespace MiniMilvus.Storage.Tests.Checksums;

public sealed class Crc32CTests
{
    [Fact]
    public void The_check_value_of_the_polynomial_is_right() => Assert.Equal(0xE306_9283u, Crc32C.Of("123456789"u8));

    /// <summary>Around one and several rounds of the fold and of the three lanes, and not aligned to them.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(1023)]
    [InlineData(1024)]
    [InlineData(1279)]
    [InlineData(1280)]
    [InlineData(3071)]
    [InlineData(3072)]
    [InlineData(3073)]
    [InlineData(9216)]
    [InlineData(100_003)]
    public void Any_length_gives_what_the_definition_gives_bit_by_bit(int length)
    {
        var bytes = new byte[length + 3];
        new Random(length).NextBytes(bytes);
        Assert.Equal(BitByBit(bytes.AsSpan(3)), Crc32C.Of(bytes.AsSpan(3)));
        Assert.Equal(BitByBit(bytes.AsSpan(3)), Crc32C.Finish(Crc32C.AppendInLanes(Crc32C.Start, bytes.AsSpan(3)))); // where vectors cannot multiply
        var half = length / 2;
        Assert.Equal(BitByBit(bytes.AsSpan(3)), Crc32C.Finish(Crc32C.Append(Crc32C.Append(Crc32C.Start, bytes.AsSpan(3, half)), bytes.AsSpan(3 + half))));
    }

    private static uint BitByBit(ReadOnlySpan<byte> bytes)
    {
        var state = uint.MaxValue;
        foreach (var b in bytes)
        {
            state ^= b;
            for (var bit = 0; bit < 8; bit++)
            {
                state = (state >> 1) ^ ((state & 1) == 0 ? 0 : 0x82F6_3B78u);
            }
        }

        return ~state;
    }
}
