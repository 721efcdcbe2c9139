using MiniMilvus.Conformance.Support;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Storage.Tests.Disk;

/// <summary>Files open for writing share a bounded number of descriptors, and nobody who writes them can tell.</summary>
public sealed class RealDiskTests
{
    private static readonly CancellationToken Never = CancellationToken.None;

    [Fact]
    public async Task More_files_are_written_than_descriptors_are_held()
    {
        var folder = new TemporaryFolder();
        var disk = new RealDisk(folder.Path, writingMax: 3);
        var files = new List<IDiskFile>();
        for (var i = 0; i < 20; i++)
        {
            files.Add(await disk.OpenAsync($"file-{i}", DiskOpenMode.CreateNew, Never));
        }

        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < files.Count; i++)
            {
                await files[i].WriteAtAsync(round, new[] { (byte)(i + round) }, Never);
                await files[i].FlushAsync(Never);
            }
        }

        Assert.InRange(Held(folder.Path), 1, 3);
        for (var i = 0; i < files.Count; i++)
        {
            Assert.Equal([(byte)i, (byte)(i + 1), (byte)(i + 2)], File.ReadAllBytes(Path.Combine(folder.Path, $"file-{i}")));
            await files[i].DisposeAsync();
            await Assert.ThrowsAsync<ObjectDisposedException>(() => files[i].FlushAsync(Never).AsTask());
        }

        Assert.Equal(0, Held(folder.Path));
        folder.Delete();
    }

    [Fact]
    public async Task A_file_keeps_its_descriptor_until_a_flush_has_covered_its_bytes()
    {
        var folder = new TemporaryFolder();
        var disk = new RealDisk(folder.Path, writingMax: 0);
        await using var file = await disk.OpenAsync("file", DiskOpenMode.CreateNew, Never);
        Assert.Equal(0, Held(folder.Path));
        await file.WriteAtAsync(0, new byte[10], Never);
        Assert.Equal(1, Held(folder.Path));
        await file.FlushAsync(Never);
        Assert.Equal(0, Held(folder.Path));
        folder.Delete();
    }

    /// <summary>By way of the page cache alone, of a thread, and of both.</summary>
    [Theory]
    [InlineData(0, 1_000_000)]
    [InlineData(777, 1024 * 1024)]
    [InlineData(2_999_000, 1024 * 1024)]
    [InlineData(100, 2_000_000)]
    [InlineData(3_000_000, 500_000)]
    [InlineData(5_000_000, 500_000)]
    public async Task A_read_of_any_size_gives_what_is_there_up_to_the_end(int offset, int bytes)
    {
        var folder = new TemporaryFolder();
        var content = new byte[3_000_000];
        new Random(1).NextBytes(content);
        await using var file = await new RealDisk(folder.Path).OpenAsync("file", DiskOpenMode.CreateNew, Never);
        await file.WriteAtAsync(0, content, Never);
        var to = new byte[bytes];
        var read = await file.ReadAtAsync(offset, to, Never);
        Assert.Equal(Math.Clamp(content.Length - offset, 0, bytes), read);
        Assert.Equal(content.AsSpan(Math.Min(offset, content.Length), read), to.AsSpan(0, read));
        folder.Delete();
    }

    private static int Held(string folder)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new PlatformNotSupportedException("descriptors are counted in /proc/self/fd");
        }

        return Directory.EnumerateFileSystemEntries("/proc/self/fd").Count(fd => TargetOf(fd).StartsWith(folder, StringComparison.Ordinal));
    }

    private static string TargetOf(string descriptor)
    {
        try
        {
            return File.ResolveLinkTarget(descriptor, false)?.FullName ?? "";
        }
        catch (IOException)
        {
            return ""; // another test's, closed meanwhile
        }
    }
}
