namespace MiniMilvus.Storage.Disk;

/// <summary>
/// A folder tree as the durable backends see it: the level of open, pwrite, fdatasync, rename and directory fsync, so that the simulated
/// disk lies below the production code. Paths are relative, with '/'. Nothing is durable until the flush that covers it returned:
/// file content by <see cref="IDiskFile.FlushAsync"/>, names (create, rename, delete) by <see cref="FlushDirectoryAsync"/>.
/// Errors: <see cref="IOException"/>; after a failed flush the content is unknown and must be read again (W16).
/// </summary>
public interface IDisk
{
    /// <summary>Opens for reading and writing. Throws <see cref="FileNotFoundException"/> / <see cref="IOException"/> as <paramref name="mode"/> asks.</summary>
    ValueTask<IDiskFile> OpenAsync(string path, DiskOpenMode mode, CancellationToken ct);

    ValueTask<bool> ExistsAsync(string path, CancellationToken ct);

    /// <summary>Names of files directly in a folder (not the folders), sorted ordinally; empty when the folder does not exist.</summary>
    ValueTask<IReadOnlyList<string>> ListFilesAsync(string folder, CancellationToken ct);

    /// <summary>Names of folders directly in a folder, sorted ordinally; empty when it does not exist.</summary>
    ValueTask<IReadOnlyList<string>> ListFoldersAsync(string folder, CancellationToken ct);

    /// <summary>Creates a folder and its parents; durable when it returns (folders are few, so nobody has to remember their parents).</summary>
    ValueTask CreateFolderAsync(string folder, CancellationToken ct);

    /// <summary>Atomic replace within the tree; durable after a flush of the folder of <paramref name="to"/>.</summary>
    ValueTask RenameAsync(string from, string to, CancellationToken ct);

    /// <summary>Deletes a file; absent is fine.</summary>
    ValueTask DeleteFileAsync(string path, CancellationToken ct);

    /// <summary>Deletes an empty folder; absent is fine.</summary>
    ValueTask DeleteFolderAsync(string folder, CancellationToken ct);

    /// <summary>Makes names created, renamed or deleted in a folder durable.</summary>
    ValueTask FlushDirectoryAsync(string folder, CancellationToken ct);

    /// <summary>Bytes free for this tree, and its size. Running out is an <see cref="IOException"/> that <see cref="DiskErrors.IsNoSpace"/> knows.</summary>
    (long FreeBytes, long TotalBytes) Space();
}

public enum DiskOpenMode
{
    /// <summary>Must exist; never written.</summary>
    Read,
    /// <summary>Must exist.</summary>
    ReadWrite,
    /// <summary>Must not exist.</summary>
    CreateNew,
    OpenOrCreate,
}

/// <summary>An open file. One writer; reads may run beside it. The caller owns buffers until the call returns.</summary>
public interface IDiskFile : IAsyncDisposable
{
    long Length { get; }

    /// <summary>Reads up to the buffer's length; returns less only at the end of the file.</summary>
    ValueTask<int> ReadAtAsync(long offset, Memory<byte> buffer, CancellationToken ct);

    ValueTask WriteAtAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken ct);

    /// <summary>Several buffers, one after the other, from <paramref name="offset"/> on.</summary>
    ValueTask WriteAtAsync(long offset, IReadOnlyList<ReadOnlyMemory<byte>> bytes, CancellationToken ct);

    /// <summary>fdatasync: returns when everything written before is durable. Never retried after a failure (W16).</summary>
    ValueTask FlushAsync(CancellationToken ct);

    /// <summary>Makes the file at least so long: space reserved and zeros written, so that later flushes need not write file metadata. Flush once behind it.</summary>
    ValueTask PreallocateAsync(long length, CancellationToken ct);

    ValueTask SetLengthAsync(long length, CancellationToken ct);

    /// <summary>All bytes of a file that nobody writes to any more, to be read where they lie. The view outlives the file's handle and name.</summary>
    async ValueTask<FileView> ViewAsync(CancellationToken ct)
    {
        var bytes = new byte[Length];
        var read = await ReadAtAsync(0, bytes, ct);
        return FileView.Of(bytes.AsMemory(0, read));
    }
}
