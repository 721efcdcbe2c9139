using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using MiniMilvus.Storage.Backups;
using MiniMilvus.Storage.Checksums;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.Host.Backups;

/// <summary>A backup as it lies in its store. Errors: NotFound (it was not finished, or a file is gone), Corrupted, Unavailable.</summary>
internal sealed class BackupReader
{
    private readonly IObjectStore _store;

    private BackupReader(IObjectStore store, BackupManifest manifest) => (_store, Manifest) = (store, manifest);

    public BackupManifest Manifest { get; }

    public static async ValueTask<BackupReader> OpenAsync(IObjectStore store, CancellationToken ct)
    {
        try
        {
            return new BackupReader(store, BackupManifest.Decode((await store.GetAsync(BackupManifest.Key, ct)).Span, BackupManifest.Key));
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.NotFound)
        {
            throw MiniMilvusException.NotFound(ErrorReason.Unspecified, $"expected {BackupManifest.Key}, which a backup writes last, found none: it was not finished, or this is no backup");
        }
    }

    /// <summary>Reads everything once; its bytes.</summary>
    public async ValueTask<long> VerifyAsync(CancellationToken ct)
    {
        var bytes = 0L;
        try
        {
            foreach (var segment in Manifest.Segments)
            {
                var reader = await OpenAsync(segment, ct);
                foreach (var file in reader.Manifest.Files)
                {
                    await reader.ReadColumnAsync(file.Field, ct);
                    bytes += file.Bytes;
                }
            }
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.NotFound)
        {
            throw MiniMilvusException.Corrupted($"the backup names a file that is not there: {e.Message}", e);
        }

        return bytes;
    }

    /// <summary>The rows of some segments, in the order of their ticks, in batches of about so many bytes.</summary>
    public IAsyncEnumerable<RowBatch> RowsAsync(IEnumerable<BackupSegment> segments, long batchBytes, CancellationToken ct) =>
        new TickOrder(segments, OpenAsync, batchBytes).ReadAsync(ct);

    private async ValueTask<SegmentReader> OpenAsync(BackupSegment segment, CancellationToken ct)
    {
        var bytes = await _store.GetAsync(segment.ManifestPath, ct);
        var reader = await SegmentReader.OpenAsync(_store, segment.ManifestPath, ct);
        return Crc32C.Of(bytes.Span) == segment.Checksum && reader.Manifest.Rows == segment.Rows
            ? reader
            : throw MiniMilvusException.Corrupted($"{segment.ManifestPath}: expected the manifest of {segment.Rows} rows with checksum {segment.Checksum:x8} that the backup names, found {reader.Manifest.Rows} rows, {Crc32C.Of(bytes.Span):x8}");
    }
}
