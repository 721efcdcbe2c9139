using System.Buffers;
using System.Globalization;
using System.Runtime.CompilerServices;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Checksums;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Waiting;

namespace MiniMilvus.Storage.Objects;

/// <summary>
/// Objects as files: written beside (".staging"), flushed, renamed into place, the folder flushed. Whole reads verify the checksum of the
/// footer; range reads do not. Limits: a condition is decided under a lock of this process, so one process owns the folder (FolderLock);
/// and on a file system that folds case, keys that differ only in case are one object.
/// </summary>
public sealed class LocalObjectStore : IObjectStore
{
    private const string Staging = ".staging";
    private const string DamagedETag = "damaged"; // No footer has it.
    private const int ViewChunkBytes = 1024 * 1024;
    private readonly IDisk _disk;
    private readonly string _root;
    private readonly KeyedGate _gates = new();
    private readonly HashSet<string> _folders = new(StringComparer.Ordinal);
    private long _attempts;

    private LocalObjectStore(IDisk disk, string root)
    {
        _disk = disk;
        _root = root;
    }

    /// <summary>Opens the store in a folder of the disk; removes what interrupted puts left there.</summary>
    public static async ValueTask<LocalObjectStore> OpenAsync(IDisk disk, string root, CancellationToken ct)
    {
        var store = new LocalObjectStore(disk, DiskPaths.Check(root));
        var staging = DiskPaths.Combine(root, Staging);
        try
        {
            await disk.CreateFolderAsync(staging, ct);
            foreach (var name in await disk.ListFilesAsync(staging, ct))
            {
                await disk.DeleteFileAsync(DiskPaths.Combine(staging, name), ct);
            }
        }
        catch (IOException e)
        {
            throw DiskErrors.ToUnavailable(e, $"object store '{root}' cannot be opened");
        }

        return store;
    }

    /// <summary>The store in a folder as it lies, whoever owns it: to look only, every change is Unavailable.</summary>
    public static LocalObjectStore View(IDisk disk, string root) => new(new ReadOnlyDisk(disk), DiskPaths.Check(root));

    public async ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
    {
        var path = PathOf(key);
        using var turn = await _gates.EnterAsync(key, ct);
        var current = await ReadFooterAsync(key, path, condition is PutCondition.None, ct);
        ObjectKeys.Require(condition, key, current?.ETag);
        var footer = new LocalObjectFooter(content.Length, (current?.Revision ?? 0) + 1, Crc32C.Of(content));
        var staged = DiskPaths.Combine(_root, $"{Staging}/{Interlocked.Increment(ref _attempts).ToString(CultureInfo.InvariantCulture)}");
        try
        {
            await StageAsync(staged, content, footer, ct);
            var folder = DiskPaths.FolderOf(path);
            await EnsureFolderAsync(folder, ct);
            await _disk.RenameAsync(staged, path, ct);
            await _disk.FlushDirectoryAsync(folder, ct);
        }
        catch (IOException e)
        {
            await DiscardAsync(staged);
            throw DiskErrors.ToUnavailable(e, $"put of object '{key}' ({content.Length} bytes) may or may not have happened");
        }
        catch (OperationCanceledException)
        {
            await DiscardAsync(staged);
            throw;
        }

        return new ObjectInfo(key, footer.Bytes, footer.ETag);
    }

    public async ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct)
    {
        await using var file = await OpenAsync(key, ct) ?? throw ObjectKeys.NotFound(key);
        try
        {
            var length = file.Length;
            var bytes = length <= Array.MaxLength ? new byte[length] : throw MiniMilvusException.Invalid($"object '{key}' has {length} bytes: read it in ranges");
            var read = await file.ReadAtAsync(0, bytes, ct);
            var footer = LocalObjectFooter.Parse(key, bytes.AsSpan(Math.Max(0, read - LocalObjectFooter.Size), Math.Min(read, LocalObjectFooter.Size)), read);
            var content = bytes.AsMemory(0, (int)footer.Bytes);
            var found = Crc32C.Of(content.Span);
            return found == footer.Checksum
                ? content
                : throw MiniMilvusException.Corrupted($"object '{key}': expected checksum {footer.Checksum:x8}, found {found:x8}");
        }
        catch (IOException e)
        {
            throw DiskErrors.ToUnavailable(e, $"get of object '{key}'");
        }
    }

    /// <summary>
    /// Read through once, to verify it and to hear of a bad sector as an error; then mapped. (A sector that goes bad later ends the process when
    /// a page that was dropped is read again.)
    /// </summary>
    public async ValueTask<FileView> ViewAsync(string key, CancellationToken ct)
    {
        await using var file = await OpenAsync(key, ct) ?? throw ObjectKeys.NotFound(key);
        var buffer = ArrayPool<byte>.Shared.Rent(ViewChunkBytes);
        try
        {
            var footer = await FooterOfAsync(key, file, ct);
            if (file.Length > Array.MaxLength)
            {
                throw MiniMilvusException.Invalid($"object '{key}' has {file.Length} bytes: read it in ranges");
            }

            var state = Crc32C.Start;
            for (var at = 0L; at < footer.Bytes;)
            {
                var read = await file.ReadAtAsync(at, buffer.AsMemory(0, (int)Math.Min(ViewChunkBytes, footer.Bytes - at)), ct);
                state = read > 0 ? Crc32C.Append(state, buffer.AsSpan(0, read)) : throw MiniMilvusException.Corrupted($"object '{key}': expected {footer.Bytes} bytes of content, found {at}");
                at += read;
            }

            return Crc32C.Finish(state) == footer.Checksum
                ? (await file.ViewAsync(ct)).Shorten((int)footer.Bytes)
                : throw MiniMilvusException.Corrupted($"object '{key}': expected checksum {footer.Checksum:x8}, found {Crc32C.Finish(state):x8}");
        }
        catch (IOException e)
        {
            throw DiskErrors.ToUnavailable(e, $"view of object '{key}'");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public async ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        await using var file = await OpenAsync(key, ct) ?? throw ObjectKeys.NotFound(key);
        try
        {
            var footer = await FooterOfAsync(key, file, ct);
            var from = Math.Min(offset, footer.Bytes);
            var buffer = new byte[Math.Min(bytes, footer.Bytes - from)];
            var read = await file.ReadAtAsync(from, buffer, ct);
            return read == buffer.Length
                ? buffer
                : throw MiniMilvusException.Corrupted($"object '{key}': expected {buffer.Length} bytes at {from}, found {read}");
        }
        catch (IOException e)
        {
            throw DiskErrors.ToUnavailable(e, $"get of object '{key}' from {offset}");
        }
    }

    public async ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct)
    {
        var footer = await ReadFooterAsync(key, PathOf(key), false, ct);
        return footer is { } found ? new ObjectInfo(key, found.Bytes, found.ETag) : null;
    }

    /// <summary>A damaged object is listed too, with its file's length, or nobody could delete it; reading it says what it is.</summary>
    public async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken ct)
    {
        foreach (var key in await ListKeysAsync(prefix, ct))
        {
            if (await LookAsync(key, ct) is { } info)
            {
                yield return info;
            }
        }
    }

    /// <summary>Keys in ordinal order, without a look at the objects: damaged ones too.</summary>
    public async ValueTask<IReadOnlyList<string>> ListKeysAsync(string prefix, CancellationToken ct)
    {
        ObjectKeys.CheckPrefix(prefix);
        var keys = new List<string>();
        try
        {
            await CollectAsync(prefix.LastIndexOf('/') is var slash and >= 0 ? prefix[..slash] : "", prefix, keys, ct);
        }
        catch (IOException e)
        {
            throw DiskErrors.ToUnavailable(e, $"list of '{prefix}'");
        }

        keys.Sort(StringComparer.Ordinal);
        return keys;
    }

    public async ValueTask DeleteAsync(string key, CancellationToken ct)
    {
        var path = PathOf(key);
        using var turn = await _gates.EnterAsync(key, ct);
        try
        {
            if (await _disk.ExistsAsync(path, ct))
            {
                await _disk.DeleteFileAsync(path, ct);
                await _disk.FlushDirectoryAsync(DiskPaths.FolderOf(path), ct);
            }
        }
        catch (IOException e)
        {
            throw DiskErrors.ToUnavailable(e, $"delete of object '{key}' may or may not have happened");
        }
    }

    private async ValueTask<ObjectInfo?> LookAsync(string key, CancellationToken ct)
    {
        await using var file = await OpenAsync(key, ct);
        if (file is null)
        {
            return null;
        }

        try
        {
            var footer = await FooterOfAsync(key, file, ct);
            return new ObjectInfo(key, footer.Bytes, footer.ETag);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
        {
            return new ObjectInfo(key, file.Length, DamagedETag);
        }
        catch (IOException e)
        {
            throw DiskErrors.ToUnavailable(e, $"look-up of object '{key}'"); // W11: never "absent"
        }
    }

    private string PathOf(string key)
    {
        ObjectKeys.Check(key);
        return key.StartsWith(Staging, StringComparison.Ordinal)
            ? throw MiniMilvusException.Invalid($"object key '{key}': the name {Staging} is the store's own")
            : DiskPaths.Combine(_root, key);
    }

    private async ValueTask StageAsync(string path, ReadOnlySequence<byte> content, LocalObjectFooter footer, CancellationToken ct)
    {
        await using var file = await _disk.OpenAsync(path, DiskOpenMode.CreateNew, ct);
        var parts = new List<ReadOnlyMemory<byte>>();
        foreach (var part in content)
        {
            if (part.Length > 0)
            {
                parts.Add(part);
            }
        }

        parts.Add(footer.ToBytes());
        await file.WriteAtAsync(0, parts, ct);
        await file.FlushAsync(ct);
    }

    private async ValueTask EnsureFolderAsync(string folder, CancellationToken ct)
    {
        lock (_folders)
        {
            if (_folders.Contains(folder))
            {
                return;
            }
        }

        await _disk.CreateFolderAsync(folder, ct);
        lock (_folders)
        {
            _folders.Add(folder);
        }
    }

    private async ValueTask DiscardAsync(string staged)
    {
        try
        {
            await _disk.DeleteFileAsync(staged, CancellationToken.None);
        }
        catch (IOException)
        {
            // It stays in .staging and goes when the store is opened again; the put's own error is what the caller must see.
        }
    }

    private async ValueTask<IDiskFile?> OpenAsync(string key, CancellationToken ct)
    {
        try
        {
            return await _disk.OpenAsync(PathOf(key), DiskOpenMode.Read, ct);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (IOException e)
        {
            throw DiskErrors.ToUnavailable(e, $"open of object '{key}'");
        }
    }

    private async ValueTask<LocalObjectFooter?> ReadFooterAsync(string key, string path, bool replaceDamaged, CancellationToken ct)
    {
        try
        {
            await using var file = await _disk.OpenAsync(path, DiskOpenMode.Read, ct);
            return await FooterOfAsync(key, file, ct);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (IOException e)
        {
            throw DiskErrors.ToUnavailable(e, $"look-up of object '{key}'"); // W11: never "absent"
        }
        catch (MiniMilvusException e) when (replaceDamaged && e.Kind == ErrorKind.Corrupted)
        {
            return null; // an unconditional put is how a damaged object is repaired
        }
    }

    private static async ValueTask<LocalObjectFooter> FooterOfAsync(string key, IDiskFile file, CancellationToken ct)
    {
        var length = file.Length;
        var footer = new byte[Math.Min(LocalObjectFooter.Size, length)];
        var read = await file.ReadAtAsync(length - footer.Length, footer, ct);
        return LocalObjectFooter.Parse(key, footer.AsSpan(0, read), length);
    }

    private async ValueTask CollectAsync(string folder, string prefix, List<string> keys, CancellationToken ct)
    {
        foreach (var name in await _disk.ListFilesAsync(DiskPaths.Combine(_root, folder).TrimEnd('/'), ct))
        {
            var key = DiskPaths.Combine(folder, name);
            if (key.StartsWith(prefix, StringComparison.Ordinal))
            {
                keys.Add(key);
            }
        }

        foreach (var name in await _disk.ListFoldersAsync(DiskPaths.Combine(_root, folder).TrimEnd('/'), ct))
        {
            var key = DiskPaths.Combine(folder, name);
            if (key != Staging && (key.StartsWith(prefix, StringComparison.Ordinal) || prefix.StartsWith(key + "/", StringComparison.Ordinal)))
            {
                await CollectAsync(key, prefix, keys, ct);
            }
        }
    }
}
