using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Host.Backups;

/// <summary>The folder of a backup. While it is written it has one owner; what was not finished is taken away again.</summary>
internal sealed class BackupFolder : IDisposable
{
    private const string Root = "objects";
    private readonly FolderLock _lock;
    private readonly bool _isOurs;
    private bool _isKept;

    private BackupFolder(string path, FolderLock held, bool isOurs, IObjectStore store) => (Path, _lock, _isOurs, Store) = (path, held, isOurs, store);

    public string Path { get; }

    public IObjectStore Store { get; }

    /// <summary>For a new backup.</summary>
    /// <exception cref="MiniMilvusException">Invalid: something is there already; Conflict: another backup is being written there.</exception>
    public static async ValueTask<BackupFolder> CreateAsync(string folder, CancellationToken ct)
    {
        var path = System.IO.Path.GetFullPath(folder);
        RequireEmpty(path);
        var isOurs = !Directory.Exists(path);
        var held = Lock(path);
        try
        {
            RequireEmpty(path);
            return new BackupFolder(path, held, isOurs, await LocalObjectStore.OpenAsync(new RealDisk(path), Root, ct));
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>A backup that was written once, to be read.</summary>
    public static IObjectStore View(string folder)
    {
        var path = System.IO.Path.GetFullPath(folder);
        return Directory.Exists(System.IO.Path.Combine(path, Root))
            ? LocalObjectStore.View(new RealDisk(path), Root)
            : throw MiniMilvusException.Invalid($"--from '{path}': expected the folder of a backup, with '{Root}' in it, found {(Directory.Exists(path) ? "a folder without it" : "none")}");
    }

    /// <summary>The backup is finished.</summary>
    public void Keep() => _isKept = true;

    public void Dispose()
    {
        if (!_isKept)
        {
            Directory.Delete(System.IO.Path.Combine(Path, Root), recursive: true);
        }

        // The names go while the lock is still held: nobody else's are taken away.
        FolderLock.Forget(Path);
        _lock.Dispose();
        if (!_isKept && _isOurs)
        {
            Directory.Delete(Path);
        }
    }

    private static FolderLock Lock(string path)
    {
        try
        {
            return FolderLock.Acquire(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw MiniMilvusException.Invalid($"--to '{path}': expected a folder that can be made and written, found: {e.Message}");
        }
    }

    private static void RequireEmpty(string path)
    {
        if (File.Exists(path) || (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any(e => !FolderLock.IsOwn(System.IO.Path.GetFileName(e)))))
        {
            throw MiniMilvusException.Invalid($"--to '{path}': expected an empty folder, or none yet, found {(File.Exists(path) ? "a file" : "one with something in it")}");
        }
    }
}
