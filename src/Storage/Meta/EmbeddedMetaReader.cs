using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Storage.Meta;

/// <summary>
/// Looks at an embedded store's files without owning the folder: nothing is written, cut or removed, and the store's owner may be at work.
/// What is seen is what a recovery at that moment would find.
/// </summary>
public static class EmbeddedMetaReader
{
    /// <summary>Files may go, and records be half written, while they are read beside their owner; damage is still there at the next look.</summary>
    private const int LooksMax = 5;

    /// <summary>Every entry, in key order; null when the folder holds no store. Errors: Corrupted, Unavailable (the disk failed).</summary>
    public static async ValueTask<MetaRange?> ReadAsync(IDisk disk, string folder, CancellationToken ct)
    {
        var readOnly = new ReadOnlyDisk(disk);
        for (var look = 1; ; look++)
        {
            try
            {
                var recovered = await MetaRecovery.ReadAsync(readOnly, folder, new MetaHistory(1), ct);
                return recovered.Generation == 0 ? null : new MetaRange([.. recovered.State.Entries], recovered.State.Revision);
            }
            catch (Exception e) when (look < LooksMax && e is (FileNotFoundException or MiniMilvusException { Kind: ErrorKind.Corrupted }))
            {
                ct.ThrowIfCancellationRequested();
            }
            catch (IOException e)
            {
                throw DiskErrors.ToUnavailable(e, $"metadata store '{folder}' cannot be read");
            }
        }
    }
}
