using System.Buffers;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Storage.Segments;

/// <summary>An index's bytes, whatever they are, in the frame of <see cref="SealedFile"/> (magic "MMINDEX1", subject = the index id), so that damage is seen before the index is used.</summary>
public static class IndexFile
{
    public const int FormatVersion = 1;
    private static ReadOnlySpan<byte> Magic => "MMINDEX1"u8;

    public static ReadOnlyMemory<byte> Encode(long indexId, ReadOnlySequence<byte> content)
    {
        var file = new ArrayBufferWriter<byte>(SealedFile.TotalBytes(content.Length));
        SealedFile.Begin(file, Magic, FormatVersion, indexId, content.Length);
        foreach (var part in content)
        {
            file.Write(part.Span);
        }

        SealedFile.End(file);
        return file.WrittenMemory;
    }

    /// <summary>The content as a view of the file. Throws Corrupted with the name.</summary>
    public static ReadOnlyMemory<byte> Decode(ReadOnlyMemory<byte> file, long indexId, string name) => SealedFile.Open(file, Magic, FormatVersion, indexId, name);

    /// <returns>Bytes of the object.</returns>
    public static async ValueTask<long> WriteAsync(IObjectStore store, string path, long indexId, ReadOnlySequence<byte> content, CancellationToken ct)
    {
        var bytes = Encode(indexId, content);
        await store.PutAsync(path, new ReadOnlySequence<byte>(bytes), PutCondition.Always, ct);
        return bytes.Length;
    }

    public static async ValueTask<ReadOnlyMemory<byte>> ReadAsync(IObjectStore store, string path, long indexId, CancellationToken ct) =>
        Decode(await store.GetAsync(path, ct), indexId, path);
}
