using Microsoft.Win32.SafeHandles;

namespace MiniMilvus.Storage.Disk;

/// <summary>
/// A folder of the operating system as an <see cref="IDisk"/>. Calls that only touch the page cache and are short run where they are called;
/// flushes, deletes and long transfers go through a bounded <see cref="DiskQueue"/>.
/// </summary>
public sealed class RealDisk : IDisk
{
    private readonly string _root;
    private readonly DiskQueue _queue;
    private readonly OpenFiles _writing;
    private readonly OpenFiles _reading = new(int.MaxValue);

    /// <param name="root">The folder; created when absent.</param>
    /// <param name="parallel">How many blocking calls may run at a time.</param>
    /// <param name="writingMax">How many files may hold a descriptor for writing while nobody uses them. Those for reading keep theirs: a file that is deleted stays readable to who has it open.</param>
    public RealDisk(string root, int parallel = 8, int writingMax = 2_000)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(parallel, 1);
        _root = Path.GetFullPath(root);
        _queue = new DiskQueue(parallel);
        _writing = new OpenFiles(writingMax);
        Directory.CreateDirectory(_root);
    }

    /// <summary>The absolute path of the folder.</summary>
    public string Root => _root;

    public ValueTask<IDiskFile> OpenAsync(string path, DiskOpenMode mode, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var full = Resolve(path);
        var (open, access) = mode switch
        {
            DiskOpenMode.Read => (FileMode.Open, FileAccess.Read),
            DiskOpenMode.ReadWrite => (FileMode.Open, FileAccess.ReadWrite),
            DiskOpenMode.CreateNew => (FileMode.CreateNew, FileAccess.ReadWrite),
            DiskOpenMode.OpenOrCreate => (FileMode.OpenOrCreate, FileAccess.ReadWrite),
            _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, null),
        };
        var files = mode == DiskOpenMode.Read ? _reading : _writing;
        return new(new RealDiskFile(files, files.Add(Open(open), () => Open(FileMode.Open)), full, _queue));

        SafeFileHandle Open(FileMode how) => Guard(() => File.OpenHandle(full, how, access, FileShare.ReadWrite | FileShare.Delete));
    }

    public ValueTask<bool> ExistsAsync(string path, CancellationToken ct) => new(File.Exists(Resolve(path)));

    public ValueTask<IReadOnlyList<string>> ListFilesAsync(string folder, CancellationToken ct) =>
        List(folder, static full => Directory.EnumerateFiles(full), ct);

    public ValueTask<IReadOnlyList<string>> ListFoldersAsync(string folder, CancellationToken ct) =>
        List(folder, static full => Directory.EnumerateDirectories(full), ct);

    public ValueTask CreateFolderAsync(string folder, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var full = Resolve(folder);
        return Directory.Exists(full) ? default : _queue.RunAsync(static path => CreateFolder(path), full);
    }

    public ValueTask RenameAsync(string from, string to, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        Guard(() =>
        {
            File.Move(Resolve(from), Resolve(to), overwrite: true);
            return true;
        });
        return default;
    }

    public ValueTask DeleteFileAsync(string path, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        return _queue.RunAsync(
            static full => Guard(() =>
            {
                try
                {
                    File.Delete(full);
                }
                catch (DirectoryNotFoundException)
                {
                    // Absent is fine.
                }

                return true;
            }),
            Resolve(path));
    }

    public ValueTask DeleteFolderAsync(string folder, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var full = Resolve(folder);
        if (Directory.Exists(full))
        {
            Guard(() =>
            {
                Directory.Delete(full);
                return true;
            });
        }

        return default;
    }

    public ValueTask FlushDirectoryAsync(string folder, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        return _queue.RunAsync(
            static full =>
            {
                NativeMethods.FlushFolder(full);
                return true;
            },
            Resolve(folder));
    }

    public (long FreeBytes, long TotalBytes) Space()
    {
        var drive = new DriveInfo(_root);
        return (drive.AvailableFreeSpace, drive.TotalSize);
    }

    private string Resolve(string path) => Path.Combine(_root, DiskPaths.Check(path));

    private static bool CreateFolder(string full) => Guard(() =>
    {
        var missing = new Stack<string>();
        for (var at = full; !Directory.Exists(at); at = Path.GetDirectoryName(at)!)
        {
            missing.Push(at);
        }

        foreach (var folder in missing)
        {
            Directory.CreateDirectory(folder);
            NativeMethods.FlushFolder(Path.GetDirectoryName(folder)!);
        }

        return true;
    });

    private ValueTask<IReadOnlyList<string>> List(string folder, Func<string, IEnumerable<string>> list, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var full = Resolve(folder);
        if (!Directory.Exists(full))
        {
            return new([]);
        }

        return new(Guard(() =>
        {
            var names = list(full).Select(path => Path.GetFileName(path)!).ToArray();
            Array.Sort(names, StringComparer.Ordinal);
            return (IReadOnlyList<string>)names;
        }));
    }

    /// <summary>The contract knows only IOException: what .NET calls "unauthorized" (permissions, a folder where a file should be) is one too.</summary>
    private static T Guard<T>(Func<T> call)
    {
        try
        {
            return call();
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }
}
