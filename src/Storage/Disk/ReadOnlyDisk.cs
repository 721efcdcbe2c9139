namespace MiniMilvus.Storage.Disk;

/// <summary>A disk that can be looked at and not changed: whatever would write throws <see cref="IOException"/> before it reaches the disk below.</summary>
public sealed class ReadOnlyDisk(IDisk disk) : IDisk
{
    public async ValueTask<IDiskFile> OpenAsync(string path, DiskOpenMode mode, CancellationToken ct) =>
        mode == DiskOpenMode.Read ? new ReadOnlyFile(await disk.OpenAsync(path, mode, ct), path) : throw Refused($"open of '{path}' as {mode}");

    public ValueTask<bool> ExistsAsync(string path, CancellationToken ct) => disk.ExistsAsync(path, ct);

    public ValueTask<IReadOnlyList<string>> ListFilesAsync(string folder, CancellationToken ct) => disk.ListFilesAsync(folder, ct);

    public ValueTask<IReadOnlyList<string>> ListFoldersAsync(string folder, CancellationToken ct) => disk.ListFoldersAsync(folder, ct);

    public ValueTask CreateFolderAsync(string folder, CancellationToken ct) => throw Refused($"create of folder '{folder}'");

    public ValueTask RenameAsync(string from, string to, CancellationToken ct) => throw Refused($"rename of '{from}' to '{to}'");

    public ValueTask DeleteFileAsync(string path, CancellationToken ct) => throw Refused($"delete of '{path}'");

    public ValueTask DeleteFolderAsync(string folder, CancellationToken ct) => throw Refused($"delete of folder '{folder}'");

    public ValueTask FlushDirectoryAsync(string folder, CancellationToken ct) => throw Refused($"flush of folder '{folder}'");

    public (long FreeBytes, long TotalBytes) Space() => disk.Space();

    private static IOException Refused(string what) => new($"{what}: this disk was opened for reading only");

    private sealed class ReadOnlyFile(IDiskFile file, string path) : IDiskFile
    {
        public long Length => file.Length;

        public ValueTask<int> ReadAtAsync(long offset, Memory<byte> buffer, CancellationToken ct) => file.ReadAtAsync(offset, buffer, ct);

        public ValueTask WriteAtAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken ct) => throw Refused($"write to '{path}'");

        public ValueTask WriteAtAsync(long offset, IReadOnlyList<ReadOnlyMemory<byte>> bytes, CancellationToken ct) => throw Refused($"write to '{path}'");

        public ValueTask FlushAsync(CancellationToken ct) => throw Refused($"flush of '{path}'");

        public ValueTask PreallocateAsync(long length, CancellationToken ct) => throw Refused($"preallocation of '{path}'");

        public ValueTask SetLengthAsync(long length, CancellationToken ct) => throw Refused($"change of the length of '{path}'");

        public ValueTask<FileView> ViewAsync(CancellationToken ct) => file.ViewAsync(ct);

        public ValueTask DisposeAsync() => file.DisposeAsync();
    }
}
