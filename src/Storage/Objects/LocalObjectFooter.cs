using System.Buffers.Binary;
using System.Globalization;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Checksums;

namespace MiniMilvus.Storage.Objects;

/// <summary>
/// The last 32 bytes of an object's file (little-endian): magic "MMOBJ" + version 1 (8 bytes), content bytes i64, revision i64, CRC32C of the
/// content u32, CRC32C of the 28 bytes before u32. It lies behind the content so that a column file can be mapped from offset 0.
/// </summary>
internal readonly record struct LocalObjectFooter(long Bytes, long Revision, uint Checksum)
{
    public const int Size = 32;
    private static readonly byte[] Magic = "MMOBJ\0\0\u0001"u8.ToArray();

    public string ETag => string.Create(CultureInfo.InvariantCulture, $"{Revision:x}-{Checksum:x8}");

    public byte[] ToBytes()
    {
        var bytes = new byte[Size];
        Magic.CopyTo(bytes, 0);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), Bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), Revision);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(24), Checksum);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(28), Crc32C.Of(bytes.AsSpan(0, 28)));
        return bytes;
    }

    /// <param name="footer">The last bytes of the file (fewer when the file is shorter).</param>
    public static LocalObjectFooter Parse(string key, ReadOnlySpan<byte> footer, long fileBytes)
    {
        if (footer.Length != Size || !footer[..8].SequenceEqual(Magic)
            || BinaryPrimitives.ReadUInt32LittleEndian(footer[28..]) != Crc32C.Of(footer[..28]))
        {
            throw MiniMilvusException.Corrupted($"object '{key}': its footer does not verify ({fileBytes} bytes in the file)");
        }

        var parsed = new LocalObjectFooter(
            BinaryPrimitives.ReadInt64LittleEndian(footer[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(footer[16..]),
            BinaryPrimitives.ReadUInt32LittleEndian(footer[24..]));
        return parsed.Bytes == fileBytes - Size
            ? parsed
            : throw MiniMilvusException.Corrupted($"object '{key}': expected {parsed.Bytes} bytes of content, found {fileBytes - Size}");
    }
}
