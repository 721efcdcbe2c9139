using MiniMilvus.Conformance.Support;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Storage.Tests.Disk;

public sealed class FolderLockTests
{
    [Fact]
    public void A_folder_has_one_owner_and_the_second_is_told_who()
    {
        var folder = new TemporaryFolder();
        using (FolderLock.Acquire(folder.Path))
        {
            var e = Expect.Kind(ErrorKind.Conflict, () => FolderLock.Acquire(folder.Path).Dispose());
            Assert.Contains(folder.Path, e.Message, StringComparison.Ordinal);
            Assert.Contains($"process {Environment.ProcessId}", e.Message, StringComparison.Ordinal);
        }

        using (FolderLock.Acquire(folder.Path))
        {
            Expect.Kind(ErrorKind.Conflict, () => FolderLock.Acquire(folder.Path).Dispose());
        }

        folder.Delete();
    }

    [Fact]
    public void A_lock_file_left_by_a_dead_process_does_not_hold()
    {
        var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(folder.Path, "LOCK"), "");
        File.WriteAllText(Path.Combine(folder.Path, "LOCK.owner"), "1");
        using (FolderLock.Acquire(folder.Path))
        {
            var e = Expect.Kind(ErrorKind.Conflict, () => FolderLock.Acquire(folder.Path).Dispose());
            Assert.Contains($"process {Environment.ProcessId}", e.Message, StringComparison.Ordinal);
        }

        folder.Delete();
    }
}
