using System.Buffers;
using System.Buffers.Binary;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Storage.Segments;

/// <summary>Which column an index was built from: the segment, and the checksum of the column's file as the manifest has it.</summary>
public readonly record struct IndexedColumn(SegmentId Segment, uint Checksum);

/// <summary>
/// An index's bytes, whatever they are, in the frame of <see cref="SealedFile"/> (magic "MMINDEX1", subject = the index id), so that damage is
/// seen before the index is used. The header names the column (version 1 did not, and is still read), so no index is used with another one.
/// </summary>
public static class IndexFile
{
    public const int FormatVersion = 2;
    private static ReadOnlySpan<byte> Magic => "MMINDEX1"u8;

    public static ReadOnlyMemory<byte> Encode(long indexId, IndexedColumn of, ReadOnlySequence<byte> content)
    {
        var file = new ArrayBufferWriter<byte>(SealedFile.TotalBytes(content.Length));
        Span<byte> note = stackalloc byte[12];
        BinaryPrimitives.WriteInt64LittleEndian(note, of.Segment.Value);
        BinaryPrimitives.WriteUInt32LittleEndian(note[8..], of.Checksum);
        SealedFile.Begin(file, Magic, FormatVersion, indexId, content.Length, note: note);
        foreach (var part in content)
        {
            file.Write(part.Span);
        }

        SealedFile.End(file);
        return file.WrittenMemory;
    }

    /// <summary>The content as a view of the file. Throws Corrupted with the name.</summary>
    /// <param name="of">The column it is to be used with; null when it is only looked at.</param>
    public static ReadOnlyMemory<byte> Decode(ReadOnlyMemory<byte> file, long indexId, string name, IndexedColumn? of = null)
    {
        var content = SealedFile.Open(file, Magic, FormatVersion, indexId, name);
        var header = file.Span;
        if (of is null || BinaryPrimitives.ReadInt32LittleEndian(header[8..]) == 1)
        {
            return content;
        }

        var found = new IndexedColumn(
            new SegmentId(BinaryPrimitives.ReadInt64LittleEndian(header[SealedFile.NoteAt..])), BinaryPrimitives.ReadUInt32LittleEndian(header[(SealedFile.NoteAt + 8)..]));
        return found == of
            ? content
            : throw MiniMilvusException.Corrupted(
                $"{name}: expected the index of segment {of.Value.Segment} over a column with checksum {of.Value.Checksum:x8}, found that of segment {found.Segment} over {found.Checksum:x8}");
    }

    /// <returns>Bytes of the object.</returns>
    public static async ValueTask<long> WriteAsync(IObjectStore store, string path, long indexId, IndexedColumn of, ReadOnlySequence<byte> content, CancellationToken ct)
    {
        var bytes = Encode(indexId, of, content);
        await store.PutAsync(path, new ReadOnlySequence<byte>(bytes), PutCondition.Always, ct);
        return bytes.Length;
    }

    /// <summary>The content where it lies, and the view of the file, which the caller disposes when nothing reads the content any more.</summary>
    public static async ValueTask<(ReadOnlyMemory<byte> Content, FileView View)> ViewAsync(IObjectStore store, string path, long indexId, IndexedColumn? of, CancellationToken ct)
    {
        var view = await store.ViewAsync(path, ct);
        try
        {
            return (Decode(view.Bytes, indexId, path, of), view);
        }
        catch
        {
            view.Dispose();
            throw;
        }
    }
}
