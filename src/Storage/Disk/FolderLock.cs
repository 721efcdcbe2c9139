using System.Globalization;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.Disk;

/// <summary>
/// One process owns a folder: an exclusively opened file, held for life. The operating system lets go of it when the process ends, however
/// it ends, so a restart never waits. Beside it lies the owner's process id, for the message that the second process gets.
/// </summary>
public sealed class FolderLock : IDisposable
{
    private const int AttemptsMax = 10;
    private const string LockName = "LOCK";
    private const string OwnerName = "LOCK.owner";
    private readonly FileStream _held;

    private FolderLock(FileStream held) => _held = held;

    /// <summary>Takes the folder. Throws Conflict at once when another process (or another part of this one) has it.</summary>
    public static FolderLock Acquire(string folder)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, LockName);
        FileStream held;
        try
        {
            held = Open(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MiniMilvusException(
                ErrorKind.Conflict,
                ErrorReason.NotReady,
                $"folder {Path.GetFullPath(folder)} is in use by {Owner(folder)}: expected to be its only owner; stop that process or name another folder ({e.Message})",
                e);
        }

        File.WriteAllText(Path.Combine(folder, OwnerName), Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        return new FolderLock(held);
    }

    /// <summary>Who has the folder now, as the lock's message names it; null when nobody has. The lock is tried for an instant, shared, and never made.</summary>
    public static string? FindOwner(string folder)
    {
        try
        {
            using var tried = new FileStream(Path.Combine(folder, LockName), FileMode.Open, FileAccess.Read, FileShare.Read);
            return null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Owner(folder);
        }
    }

    /// <summary>Whether a file of that name is one of a lock's.</summary>
    public static bool IsOwn(string name) => name is LockName or OwnerName;

    /// <summary>Takes a lock's files away; its holder does so when the folder is to have no owner any more.</summary>
    public static void Forget(string folder)
    {
        File.Delete(Path.Combine(folder, OwnerName));
        File.Delete(Path.Combine(folder, LockName));
    }

    public void Dispose() => _held.Dispose();

    /// <summary>More than once: somebody may be looking (<see cref="FindOwner"/>), which takes less than a turn.</summary>
    private static FileStream Open(string path)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (attempt < AttemptsMax)
            {
                Thread.Yield();
            }
        }
    }

    private static string Owner(string folder)
    {
        try
        {
            return $"process {File.ReadAllText(Path.Combine(folder, OwnerName)).Trim()}";
        }
        catch (IOException)
        {
            return "another process";
        }
    }
}
