using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Conformance.Disk;

/// <summary>What every <see cref="IDisk"/> must do while nothing fails.</summary>
public abstract class DiskConformance : IDisposable
{
    private IDisk? _disk;

    private IDisk Disk => _disk ??= Create();

    private static CancellationToken None => CancellationToken.None;

    protected abstract IDisk Create();

    protected virtual void CleanUp()
    {
    }

    public void Dispose() => CleanUp();

    private async Task<byte[]> ReadAsync(string path)
    {
        await using var file = await Disk.OpenAsync(path, DiskOpenMode.Read, None);
        var bytes = new byte[file.Length];
        Assert.Equal(bytes.Length, await file.ReadAtAsync(0, bytes, None));
        return bytes;
    }

    private async Task WriteAsync(string path, params byte[] bytes)
    {
        await using var file = await Disk.OpenAsync(path, DiskOpenMode.OpenOrCreate, None);
        await file.WriteAtAsync(0, bytes, None);
        await file.FlushAsync(None);
    }

    [Fact]
    public async Task What_was_written_is_read_back_and_gaps_are_zero()
    {
        await using var file = await Disk.OpenAsync("a", DiskOpenMode.CreateNew, None);
        await file.WriteAtAsync(4, new byte[] { 1, 2 }, None);
        await file.WriteAtAsync(8, [new byte[] { 3 }, Array.Empty<byte>(), new byte[] { 4, 5 }], None);
        await file.FlushAsync(None);
        Assert.Equal(11, file.Length);
        Assert.Equal([0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 5], await ReadAsync("a"));
    }

    [Fact]
    public async Task A_read_is_short_only_at_the_end()
    {
        await WriteAsync("a", 1, 2, 3);
        await using var file = await Disk.OpenAsync("a", DiskOpenMode.Read, None);
        var buffer = new byte[8];
        Assert.Equal(2, await file.ReadAtAsync(1, buffer, None));
        Assert.Equal(0, await file.ReadAtAsync(3, buffer, None));
        Assert.Equal(0, await file.ReadAtAsync(99, buffer, None));
    }

    [Fact]
    public async Task Large_transfers_work_like_small_ones()
    {
        var bytes = new byte[2_000_003];
        new Random(1).NextBytes(bytes);
        await WriteAsync("large", bytes);
        Assert.Equal(bytes, await ReadAsync("large"));
        await using var file = await Disk.OpenAsync("large", DiskOpenMode.ReadWrite, None);
        await file.WriteAtAsync(1_000_000, [bytes.AsMemory(0, 500_000), bytes.AsMemory(500_000, 500_000)], None);
        Assert.Equal(bytes[..1_000_000], (await ReadAsync("large"))[1_000_000..2_000_000]);
    }

    [Fact]
    public async Task Open_modes_say_what_must_exist()
    {
        await Assert.ThrowsAsync<FileNotFoundException>(async () => await Disk.OpenAsync("a", DiskOpenMode.Read, None));
        await Assert.ThrowsAsync<FileNotFoundException>(async () => await Disk.OpenAsync("a", DiskOpenMode.ReadWrite, None));
        await WriteAsync("a", 1);
        await Assert.ThrowsAnyAsync<IOException>(async () => await Disk.OpenAsync("a", DiskOpenMode.CreateNew, None));
        await Assert.ThrowsAnyAsync<IOException>(async () => await Disk.OpenAsync("no/folder", DiskOpenMode.CreateNew, None));
        await using (await Disk.OpenAsync("a", DiskOpenMode.OpenOrCreate, None))
        {
            Assert.Equal([1], await ReadAsync("a"));
        }
    }

    [Fact]
    public async Task A_rename_replaces_and_an_open_file_goes_along()
    {
        await Disk.CreateFolderAsync("f/g", None);
        await WriteAsync("a", 1);
        await WriteAsync("f/g/b", 2);
        await using var file = await Disk.OpenAsync("a", DiskOpenMode.ReadWrite, None);
        await Disk.RenameAsync("a", "f/g/b", None);
        await Disk.FlushDirectoryAsync("f/g", None);
        await file.WriteAtAsync(1, new byte[] { 9 }, None);
        Assert.False(await Disk.ExistsAsync("a", None));
        Assert.Equal([1, 9], await ReadAsync("f/g/b"));
        await Assert.ThrowsAnyAsync<IOException>(async () => await Disk.RenameAsync("absent", "b", None));
    }

    [Fact]
    public async Task Lists_are_ordinal_and_show_files_apart_from_folders()
    {
        await Disk.CreateFolderAsync("f/z", None);
        await Disk.CreateFolderAsync("f/Y", None);
        foreach (var name in new[] { "f/b", "f/B", "f/a", "f/z/deep" })
        {
            await WriteAsync(name, 1);
        }

        Assert.Equal(["B", "a", "b"], await Disk.ListFilesAsync("f", None));
        Assert.Equal(["Y", "z"], await Disk.ListFoldersAsync("f", None));
        Assert.Equal(["f"], await Disk.ListFoldersAsync("", None));
        Assert.Empty(await Disk.ListFilesAsync("absent", None));
        Assert.Empty(await Disk.ListFoldersAsync("absent", None));
    }

    [Fact]
    public async Task Deletes_of_what_is_absent_are_fine_and_a_full_folder_stays()
    {
        await Disk.CreateFolderAsync("f", None);
        await WriteAsync("f/a", 1);
        await Assert.ThrowsAnyAsync<IOException>(async () => await Disk.DeleteFolderAsync("f", None));
        await Disk.DeleteFileAsync("f/a", None);
        await Disk.DeleteFileAsync("f/a", None);
        await Disk.DeleteFileAsync("absent/a", None);
        await Disk.DeleteFolderAsync("f", None);
        await Disk.DeleteFolderAsync("f", None);
        Assert.Empty(await Disk.ListFoldersAsync("", None));
    }

    [Fact]
    public async Task Preallocation_extends_with_zeros_and_never_shortens()
    {
        await using var file = await Disk.OpenAsync("a", DiskOpenMode.CreateNew, None);
        await file.WriteAtAsync(0, new byte[] { 7 }, None);
        await file.PreallocateAsync(3_000_000, None);
        Assert.Equal(3_000_000, file.Length);
        await file.PreallocateAsync(10, None);
        Assert.Equal(3_000_000, file.Length);
        var bytes = await ReadAsync("a");
        Assert.Equal(7, bytes[0]);
        Assert.Equal(-1, bytes.AsSpan(1).IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public async Task A_length_set_cuts_or_fills_with_zeros()
    {
        await WriteAsync("a", 1, 2, 3, 4);
        await using var file = await Disk.OpenAsync("a", DiskOpenMode.ReadWrite, None);
        await file.SetLengthAsync(2, None);
        await file.SetLengthAsync(4, None);
        Assert.Equal([1, 2, 0, 0], await ReadAsync("a"));
    }

    [Theory]
    [InlineData("/a")]
    [InlineData("../a")]
    [InlineData("a/../../b")]
    [InlineData("a//b")]
    [InlineData("a\\b")]
    public async Task A_path_never_leaves_the_tree(string path)
    {
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Disk.OpenAsync(path, DiskOpenMode.OpenOrCreate, None));
    }

    [Fact]
    public async Task A_cancelled_call_does_nothing()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Disk.OpenAsync("a", DiskOpenMode.CreateNew, new CancellationToken(true)));
        Assert.False(await Disk.ExistsAsync("a", None));
    }

    [Fact]
    public void Space_is_positive_and_within_the_total()
    {
        var (free, total) = Disk.Space();
        Assert.InRange(free, 1, total);
    }
}
