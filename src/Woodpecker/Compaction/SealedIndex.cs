using System.Buffers.Binary;
using System.Text;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Checksums;
using MiniMilvus.Woodpecker.Blocks;

namespace MiniMilvus.Woodpecker.Compaction;

/// <summary>Where a merged block lies. <paramref name="Place"/>, what its header's checksum covers, is its offset in all parts one behind the other.</summary>
internal readonly record struct SealedBlock(long FirstEntry, long EndEntry, int Part, int Offset, int Bytes, uint PayloadCrc, long Place);

/// <summary>
/// The footer of a sealed segment, an object of its own that is put last (W7): what the segment holds, and where each block lies
/// (docs/formats/log-sealed.md). A segment without entries has one too, and no parts.
/// </summary>
internal sealed class SealedIndex
{
    public const byte Version = 1;
    private const int HeaderBytes = 64;
    private const int BlockBytes = 24;
    private const int ChecksumBytes = 4;

    public SealedIndex(long segment, long epoch, IReadOnlyList<SealedBlock> blocks)
    {
        (Segment, Epoch, Blocks) = (segment, epoch, blocks);
        Entries = blocks.Count == 0 ? 0 : blocks[^1].EndEntry;
        Parts = blocks.Count == 0 ? 0 : blocks[^1].Part + 1;
        Bytes = blocks.Sum(b => (long)b.Bytes);
    }

    private static ReadOnlySpan<byte> Magic => "WPSEAL\0"u8;

    public long Segment { get; }

    /// <summary>Of the writer whose process sealed it.</summary>
    public long Epoch { get; }

    public long Entries { get; }

    public int Parts { get; }

    /// <summary>Of all parts.</summary>
    public long Bytes { get; }

    public IReadOnlyList<SealedBlock> Blocks { get; }

    /// <summary>The number of the block that holds the entry; of blocks when it lies behind the last.</summary>
    public int Find(long entry)
    {
        var (low, high) = (0, Blocks.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = Blocks[middle].EndEntry <= entry ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    public byte[] Encode(string log)
    {
        var bytes = new byte[HeaderBytes + (BlockBytes * Blocks.Count) + ChecksumBytes];
        Magic.CopyTo(bytes);
        bytes[7] = Version;
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), Segment);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), Entries);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(32), Bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(40), Parts);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(44), Blocks.Count);
        for (var i = 0; i < Blocks.Count; i++)
        {
            var to = bytes.AsSpan(HeaderBytes + (i * BlockBytes));
            BinaryPrimitives.WriteInt64LittleEndian(to, Blocks[i].FirstEntry);
            BinaryPrimitives.WriteInt32LittleEndian(to[8..], Blocks[i].Part);
            BinaryPrimitives.WriteInt32LittleEndian(to[12..], Blocks[i].Offset);
            BinaryPrimitives.WriteInt32LittleEndian(to[16..], Blocks[i].Bytes);
            BinaryPrimitives.WriteUInt32LittleEndian(to[20..], Blocks[i].PayloadCrc);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - ChecksumBytes), Crc(bytes.AsSpan(0, bytes.Length - ChecksumBytes), log));
        return bytes;
    }

    /// <summary>Corrupted, saying what was expected and found at <paramref name="where"/>.</summary>
    public static SealedIndex Decode(ReadOnlySpan<byte> bytes, string log, long segment, string where)
    {
        Require(bytes.Length >= HeaderBytes + ChecksumBytes && bytes.StartsWith(Magic), where, "an index of a sealed segment", $"{bytes.Length} bytes that are none");
        Require(bytes[7] == Version, where, $"version {Version}", $"version {bytes[7]}");
        var sum = BinaryPrimitives.ReadUInt32LittleEndian(bytes[^ChecksumBytes..]);
        Require(sum == Crc(bytes[..^ChecksumBytes], log), where, "bytes that match their checksum", $"others (checksum {sum:x8})");
        var count = BinaryPrimitives.ReadInt32LittleEndian(bytes[44..]);
        Require(count >= 0 && HeaderBytes + ((long)count * BlockBytes) + ChecksumBytes == bytes.Length, where, $"{count} blocks", $"{bytes.Length} bytes");
        var entries = BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]);
        var blocks = new SealedBlock[count];
        var (place, part, offset) = (0L, 0, 0);
        for (var i = 0; i < count; i++)
        {
            var from = bytes[(HeaderBytes + (i * BlockBytes))..];
            var first = BinaryPrimitives.ReadInt64LittleEndian(from);
            var end = i + 1 < count ? BinaryPrimitives.ReadInt64LittleEndian(from[BlockBytes..]) : entries;
            var next = (Part: BinaryPrimitives.ReadInt32LittleEndian(from[8..]), Offset: BinaryPrimitives.ReadInt32LittleEndian(from[12..]));
            var size = BinaryPrimitives.ReadInt32LittleEndian(from[16..]);
            var follows = next == (part, offset) || (i > 0 && next == (part + 1, 0));
            Require(follows && size > BlockHeader.Bytes && size <= int.MaxValue - next.Offset && first < end && (i > 0 || first == 0), where, $"block {i} to follow the one before it", $"entries {first} to {end} in {size} bytes at {next}");
            blocks[i] = new SealedBlock(first, end, next.Part, next.Offset, size, BinaryPrimitives.ReadUInt32LittleEndian(from[20..]), place);
            (place, part, offset) = (place + size, next.Part, next.Offset + size);
        }

        var index = new SealedIndex(BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]), blocks);
        Require(index.Segment == segment, where, $"segment {segment}", $"segment {index.Segment}");
        Require(
            index.Entries == entries && index.Bytes == BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]) && index.Parts == BinaryPrimitives.ReadInt32LittleEndian(bytes[40..]),
            where, "sums that are those of its blocks", $"{index.Entries} entries, {index.Bytes} bytes, {index.Parts} parts in blocks");
        return index;
    }

    private static void Require(bool holds, string where, string expected, string found)
    {
        if (!holds)
        {
            throw MiniMilvusException.Corrupted($"{where}: expected {expected}, found {found}");
        }
    }

    private static uint Crc(ReadOnlySpan<byte> bytes, string log) =>
        Crc32C.Finish(Crc32C.Append(Crc32C.Append(Crc32C.Start, Encoding.ASCII.GetBytes(log)), bytes));
}
