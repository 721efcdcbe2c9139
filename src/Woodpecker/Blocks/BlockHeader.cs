using System.Buffers.Binary;
using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Storage.Checksums;

namespace MiniMilvus.Woodpecker.Blocks;

internal enum BlockType : byte
{
    Data = 1,
    /// <summary>Ends the segment; its first entry is the segment's exclusive end.</summary>
    Footer = 2,
}

/// <summary>
/// The 64 bytes before a block's entries (docs/formats/log-block.md): magic "WPBK", version, type, payload bytes, entry count, epoch,
/// segment, first entry, confirmed position when written (W16), CRC32C of the payload, CRC32C of the header. The header's checksum also
/// covers the log's name and the place in the file, so that a block which lies where it was not put does not verify.
/// </summary>
internal readonly record struct BlockHeader(
    BlockType Type, int PayloadBytes, int EntryCount, long Epoch, long Segment, long FirstEntry, LogPosition Confirmed, uint PayloadCrc)
{
    public const int Bytes = 64;
    public const byte Version = 1;

    /// <summary>An entry's length is written before it.</summary>
    public const int EntryPrefixBytes = 4;

    public static ReadOnlySpan<byte> Magic => "WPBK"u8;

    public long EndEntry => FirstEntry + EntryCount;

    public LogPosition First => new(Segment, FirstEntry);

    public LogPosition End => new(Segment, EndEntry);

    public void WriteTo(Span<byte> to, string log, long offset)
    {
        Magic.CopyTo(to);
        to[4] = Version;
        to[5] = (byte)Type;
        to[6] = to[7] = 0;
        BinaryPrimitives.WriteInt32LittleEndian(to[8..], PayloadBytes);
        BinaryPrimitives.WriteInt32LittleEndian(to[12..], EntryCount);
        BinaryPrimitives.WriteInt64LittleEndian(to[16..], Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(to[24..], Segment);
        BinaryPrimitives.WriteInt64LittleEndian(to[32..], FirstEntry);
        BinaryPrimitives.WriteInt64LittleEndian(to[40..], Confirmed.Segment);
        BinaryPrimitives.WriteInt64LittleEndian(to[48..], Confirmed.Entry);
        BinaryPrimitives.WriteUInt32LittleEndian(to[56..], PayloadCrc);
        BinaryPrimitives.WriteUInt32LittleEndian(to[60..], HeaderCrc(to, log, offset));
    }

    /// <summary>False when these bytes are not a header of this log at this place.</summary>
    public static bool TryRead(ReadOnlySpan<byte> from, string log, long offset, out BlockHeader header)
    {
        header = default;
        if (from.Length < Bytes || !from.StartsWith(Magic) || from[4] != Version || BinaryPrimitives.ReadUInt32LittleEndian(from[60..]) != HeaderCrc(from, log, offset))
        {
            return false;
        }

        header = new BlockHeader(
            (BlockType)from[5],
            BinaryPrimitives.ReadInt32LittleEndian(from[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(from[12..]),
            BinaryPrimitives.ReadInt64LittleEndian(from[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(from[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(from[32..]),
            new LogPosition(BinaryPrimitives.ReadInt64LittleEndian(from[40..]), BinaryPrimitives.ReadInt64LittleEndian(from[48..])),
            BinaryPrimitives.ReadUInt32LittleEndian(from[56..]));
        return header.Type is BlockType.Data or BlockType.Footer && header is { PayloadBytes: >= 0, EntryCount: >= 0, FirstEntry: >= 0 };
    }

    private static uint HeaderCrc(ReadOnlySpan<byte> header, string log, long offset)
    {
        Span<byte> place = stackalloc byte[8 + 200];
        BinaryPrimitives.WriteInt64LittleEndian(place, offset);
        var name = Encoding.ASCII.GetBytes(log, place[8..]);
        return Crc32C.Finish(Crc32C.Append(Crc32C.Append(Crc32C.Start, place[..(8 + name)]), header[..60]));
    }
}
