using System.Buffers;
using System.Buffers.Binary;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using MiniMilvus.Storage.Checksums;

namespace MiniMilvus.Storage.Segments;

/// <summary>
/// One column as a file (docs/formats/column.md): header of 96 bytes (magic "MMCOLUMN", format version, column bytes), the column as
/// <see cref="ColumnCodec"/> writes it, footer of 16 bytes with a masked CRC32C of everything before. The header's size makes vectors begin at a
/// multiple of 64 bytes, so that they are scanned where they are mapped. Version 1 had a header of 64 bytes and is still read.
/// </summary>
public static class ColumnFile
{
    public const int FormatVersion = 2;
    public const int HeaderBytes = 96;
    private static ReadOnlySpan<byte> Magic => "MMCOLUMN"u8;

    public static ReadOnlyMemory<byte> Encode(Column column)
    {
        var expected = ColumnCodec.EncodedBytes(column);
        var file = new ArrayBufferWriter<byte>(SealedFile.TotalBytes(expected, HeaderBytes));
        SealedFile.Begin(file, Magic, FormatVersion, column.Field.Value, expected, HeaderBytes);
        ColumnCodec.Encode(column, file);
        SealedFile.End(file);
        return file.WrittenMemory;
    }

    /// <summary>Makes a view: the bytes must stay unchanged as long as the column lives. Throws Corrupted with the name.</summary>
    /// <param name="name">The object's key, for messages.</param>
    public static Column Decode(ReadOnlyMemory<byte> file, FieldId field, string name)
    {
        var content = SealedFile.Open(file, Magic, FormatVersion, field.Value, name, HeaderBytes);
        var column = SealedFile.Column(ref content, name);
        return column.Field == field && content.IsEmpty
            ? column
            : throw MiniMilvusException.Corrupted($"{name}: expected field {field} alone, found field {column.Field} and {content.Length} bytes behind it");
    }
}

/// <summary>The frame that column, index and delete files share: a header (of 64 bytes in every version 1), content, footer of 16 bytes.</summary>
internal static class SealedFile
{
    public const int HeaderBytes = 64;
    public const int FooterBytes = 16;
    public const int NoteAt = 32;
    private static ReadOnlySpan<byte> EndMagic => "MMEND\0\0\u0001"u8;

    public static int TotalBytes(long contentBytes, int headerBytes = HeaderBytes) => contentBytes <= Array.MaxLength - headerBytes - FooterBytes
        ? (int)contentBytes + headerBytes + FooterBytes
        : throw MiniMilvusException.Invalid(ErrorReason.CapacityExceeded, $"a file of {contentBytes} bytes: a segment's files are limited to {Array.MaxLength}");

    /// <param name="subject">What the content is of: a field, an index, a collection.</param>
    /// <param name="note">What more the header says, up to 32 bytes.</param>
    public static void Begin(
        IBufferWriter<byte> to, ReadOnlySpan<byte> magic, int version, long subject, long contentBytes, int headerBytes = HeaderBytes, ReadOnlySpan<byte> note = default)
    {
        var header = to.GetSpan(headerBytes)[..headerBytes];
        header.Clear();
        magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], version);
        BinaryPrimitives.WriteInt32LittleEndian(header[12..], headerBytes);
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], subject);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], contentBytes);
        note.CopyTo(header[NoteAt..]);
        to.Advance(headerBytes);
    }

    public static void End(ArrayBufferWriter<byte> to)
    {
        var checksum = Crc32C.Mask(Crc32C.Of(to.WrittenSpan));
        var footer = to.GetSpan(FooterBytes)[..FooterBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(footer, checksum);
        BinaryPrimitives.WriteUInt32LittleEndian(footer[4..], 0);
        EndMagic.CopyTo(footer[8..]);
        to.Advance(FooterBytes);
    }

    /// <summary>The next column of a content, with the file's name in its errors.</summary>
    public static Column Column(ref ReadOnlyMemory<byte> content, string name)
    {
        try
        {
            return ColumnCodec.Decode(ref content);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
        {
            throw MiniMilvusException.Corrupted($"{name}: {e.Message}", e);
        }
    }

    /// <summary>Verifies a file of a version up to the given one and returns its content as a view.</summary>
    /// <param name="headerBytes">The header's size from version 2 on.</param>
    public static ReadOnlyMemory<byte> Open(ReadOnlyMemory<byte> file, ReadOnlySpan<byte> magic, int version, long subject, string name, int headerBytes = HeaderBytes)
    {
        var bytes = file.Span;
        if (bytes.Length < HeaderBytes + FooterBytes || !bytes[..8].SequenceEqual(magic))
        {
            throw MiniMilvusException.Corrupted($"{name}: expected magic {System.Text.Encoding.ASCII.GetString(magic)} in at least {HeaderBytes + FooterBytes} bytes, found {bytes.Length} bytes without it");
        }

        var footer = bytes[^FooterBytes..];
        var expected = BinaryPrimitives.ReadUInt32LittleEndian(footer);
        var found = Crc32C.Mask(Crc32C.Of(bytes[..^FooterBytes]));
        if (expected != found || footer[4..8].ContainsAnyExcept((byte)0) || !footer[8..].SequenceEqual(EndMagic))
        {
            throw MiniMilvusException.Corrupted($"{name}: expected checksum {expected:x8}, found {found:x8} over {bytes.Length - FooterBytes} bytes");
        }

        // Checked behind the checksum: a version we do not know is intact, and the message must say that it is newer, not broken.
        var written = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
        var header = BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]);
        var content = BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]);
        var expectedHeader = written == 1 ? HeaderBytes : headerBytes;
        if (written < 1 || written > version || header != expectedHeader || content != bytes.Length - expectedHeader - FooterBytes)
        {
            throw MiniMilvusException.Corrupted(
                $"{name}: expected format version {(version == 1 ? "" : "1 to ")}{version} with {bytes.Length - expectedHeader - FooterBytes} bytes of content, found version {written}, header {header}, content {content}");
        }

        var of = BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]);
        return of == subject
            ? file[expectedHeader..^FooterBytes]
            : throw MiniMilvusException.Corrupted($"{name}: expected the file of {subject}, found that of {of}");
    }
}
