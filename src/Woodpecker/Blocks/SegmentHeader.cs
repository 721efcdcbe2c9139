using System.Buffers.Binary;
using System.Text;
using MiniMilvus.Storage.Checksums;

namespace MiniMilvus.Woodpecker.Blocks;

/// <summary>The first 64 bytes of a segment's file: magic "WPSEG", version, segment, epoch, zeros, CRC32C (of the log's name and the 60 bytes before).</summary>
internal static class SegmentHeader
{
    public const int Bytes = 64;

    private static ReadOnlySpan<byte> Magic => "WPSEG\0\0\u0001"u8;

    public static byte[] Encode(string log, long segment, long epoch)
    {
        var bytes = new byte[Bytes];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), segment);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), epoch);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(60), Crc(bytes, log));
        return bytes;
    }

    public static bool Verifies(ReadOnlySpan<byte> bytes, string log, long segment) =>
        bytes.Length >= Bytes
        && bytes.StartsWith(Magic)
        && BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]) == segment
        && BinaryPrimitives.ReadUInt32LittleEndian(bytes[60..]) == Crc(bytes, log);

    private static uint Crc(ReadOnlySpan<byte> bytes, string log) =>
        Crc32C.Finish(Crc32C.Append(Crc32C.Append(Crc32C.Start, Encoding.ASCII.GetBytes(log)), bytes[..60]));
}
