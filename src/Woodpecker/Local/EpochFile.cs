using System.Buffers.Binary;
using MiniMilvus.Core;
using MiniMilvus.Storage.Checksums;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Local;

/// <summary>
/// The fence of a local log: a file that names the epoch which opened it last. A writer reads it after each flush; as long as it finds its
/// own epoch nobody has begun to scan the log's end. Anything else sends it to the metadata, which decides: an opener that stalled may
/// have left a lower number here, and that must neither pass for ours nor depose us.
/// </summary>
internal sealed class EpochFile : IEpochGuard
{
    public const int Bytes = 32;
    private readonly IDiskFile _file;
    private readonly LogMetadata _metadata;
    private readonly string _log;
    private readonly Term _epoch;
    private readonly byte[] _buffer = new byte[Bytes];

    private EpochFile(IDiskFile file, LogMetadata metadata, string log, Term epoch)
    {
        _file = file;
        _metadata = metadata;
        _log = log;
        _epoch = epoch;
    }

    private static ReadOnlySpan<byte> Magic => "WPEPOCH\u0001"u8;

    /// <summary>Writes the epoch durably and in place: who holds the file open sees it.</summary>
    public static async ValueTask<EpochFile> WriteAsync(IDisk disk, LogMetadata metadata, string log, Term epoch, CancellationToken ct)
    {
        var file = await disk.OpenAsync(LocalPaths.Epoch(log), DiskOpenMode.OpenOrCreate, ct);
        try
        {
            await file.WriteAtAsync(0, Encode(epoch), ct);
            await file.FlushAsync(ct);
            await disk.FlushDirectoryAsync(LocalPaths.Folder(log), ct);
            return new EpochFile(file, metadata, log, epoch);
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
    }

    public async ValueTask CheckAsync(CancellationToken ct)
    {
        if (await ReadAsync(ct) != _epoch)
        {
            await _metadata.RequireOwnedAsync(_log, _epoch, ct);
        }
    }

    /// <summary>Null when what is there does not verify, or when the log's folder has been deleted.</summary>
    private async ValueTask<Term?> ReadAsync(CancellationToken ct)
    {
        try
        {
            return Decode(_buffer.AsSpan(0, await _file.ReadAtAsync(0, _buffer, ct)));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    public ValueTask DisposeAsync() => _file.DisposeAsync();

    private static byte[] Encode(Term epoch)
    {
        var bytes = new byte[Bytes];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), epoch.Value);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(28), Crc32C.Of(bytes.AsSpan(0, 28)));
        return bytes;
    }

    /// <summary>Null when these bytes do not verify.</summary>
    public static Term? Decode(ReadOnlySpan<byte> bytes) =>
        bytes.Length == Bytes && bytes.StartsWith(Magic) && BinaryPrimitives.ReadUInt32LittleEndian(bytes[28..]) == Crc32C.Of(bytes[..28])
            ? new Term(BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]))
            : null;
}
