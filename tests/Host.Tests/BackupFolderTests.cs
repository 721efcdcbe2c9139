using MiniMilvus.Conformance.Support;
using MiniMilvus.Core.Errors;
using MiniMilvus.Host.Backups;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Host.Tests;

/// <summary>A backup's folder: nobody else's, and gone when nothing came of it.</summary>
public sealed class BackupFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Target => Path.Combine(_folder.Path, "backup");

    public void Dispose() => _folder.Delete();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_not_finished_is_taken_away_and_an_empty_folder_of_the_users_stays(bool isUsers)
    {
        if (isUsers)
        {
            Directory.CreateDirectory(Target);
        }

        using (var folder = await BackupFolder.CreateAsync(Target, default))
        {
            await folder.Store.PutAsync("a/b", new System.Buffers.ReadOnlySequence<byte>(new byte[] { 1 }), PutCondition.Always, default);
        }

        Assert.Equal(isUsers, Directory.Exists(Target));
        Assert.DoesNotContain(Directory.GetFileSystemEntries(_folder.Path, "*", SearchOption.AllDirectories), e => e != Target);
        using (var again = await BackupFolder.CreateAsync(Target, default))
        {
            await again.Store.PutAsync("a/b", new System.Buffers.ReadOnlySequence<byte>(new byte[] { 1 }), PutCondition.Always, default);
            again.Keep();
        }

        Assert.Equal(["objects"], Directory.GetFileSystemEntries(Target).Select(Path.GetFileName));
        Assert.Equal(1, (await BackupFolder.View(Target).GetAsync("a/b", default)).Span[0]);
    }

    [Fact]
    public async Task Of_two_at_once_the_second_is_refused_and_the_first_goes_on()
    {
        using var first = await BackupFolder.CreateAsync(Target, default);
        var refused = await Assert.ThrowsAsync<MiniMilvusException>(() => BackupFolder.CreateAsync(Target, default).AsTask());
        Assert.Contains(Target, refused.Message, StringComparison.Ordinal);
        await first.Store.PutAsync("a", new System.Buffers.ReadOnlySequence<byte>(new byte[] { 1 }), PutCondition.Always, default);
    }

    [Fact]
    public async Task A_folder_with_something_in_it_and_a_file_are_refused_and_left_as_they_are()
    {
        Directory.CreateDirectory(Target);
        var file = Path.Combine(Target, "mine");
        await File.WriteAllTextAsync(file, "mine");
        foreach (var (path, found) in new[] { (Target, "one with something in it"), (file, "a file") })
        {
            var refused = await Assert.ThrowsAsync<MiniMilvusException>(() => BackupFolder.CreateAsync(path, default).AsTask());
            Assert.Equal((ErrorKind.Invalid, $"--to '{path}': expected an empty folder, or none yet, found {found}"), (refused.Kind, refused.Message));
        }

        Assert.Equal([file], Directory.GetFileSystemEntries(Target));
        var below = await Assert.ThrowsAsync<MiniMilvusException>(() => BackupFolder.CreateAsync(Path.Combine(file, "below"), default).AsTask());
        Assert.Equal(ErrorKind.Invalid, below.Kind);
    }
}
