using System.Globalization;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Storage.Meta;

/// <summary>Names of the embedded store's files, by generation: <c>snapshot-{n}</c> and the journal that follows it, <c>journal-{n}</c>.</summary>
internal static class MetaFiles
{
    public const string JournalPrefix = "journal-";
    public const string SnapshotPrefix = "snapshot-";
    public const string TemporarySuffix = ".tmp";

    public static string Journal(string folder, long generation) => DiskPaths.Combine(folder, Name(JournalPrefix, generation));

    public static string Snapshot(string folder, long generation) => DiskPaths.Combine(folder, Name(SnapshotPrefix, generation));

    /// <summary>The generation of a file with this prefix; null when the name is not one.</summary>
    public static long? Generation(string name, string prefix) =>
        name.StartsWith(prefix, StringComparison.Ordinal) && long.TryParse(name.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var generation)
            ? generation
            : null;

    public static async ValueTask<byte[]> ReadAsync(IDisk disk, string path, CancellationToken ct)
    {
        await using var file = await disk.OpenAsync(path, DiskOpenMode.Read, ct);
        var bytes = new byte[file.Length];
        var read = await file.ReadAtAsync(0, bytes, ct);
        return read == bytes.Length ? bytes : throw MiniMilvusException.Corrupted($"{path}: expected {bytes.Length} bytes, found {read}");
    }

    /// <summary>Writes a file whole: temporary name, flush, rename, folder flushed. A reader sees nothing or all of it.</summary>
    public static async ValueTask WriteWholeAsync(IDisk disk, string path, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        var temporary = path + TemporarySuffix;
        await using (var file = await disk.OpenAsync(temporary, DiskOpenMode.OpenOrCreate, ct))
        {
            await file.SetLengthAsync(0, ct);
            await file.WriteAtAsync(0, bytes, ct);
            await file.FlushAsync(ct);
        }

        await disk.RenameAsync(temporary, path, ct);
        await disk.FlushDirectoryAsync(DiskPaths.FolderOf(path), ct);
    }

    private static string Name(string prefix, long generation) => prefix + generation.ToString("D12", CultureInfo.InvariantCulture);
}
