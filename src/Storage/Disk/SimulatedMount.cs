namespace MiniMilvus.Storage.Disk;

/// <summary>The simulated disk as one process sees it; dead after the next power cut.</summary>
internal sealed class SimulatedMount(SimulatedDisk disk, int generation) : IDisk
{
    public ValueTask<IDiskFile> OpenAsync(string path, DiskOpenMode mode, CancellationToken ct) => Step(
        DiskStepKind.Open,
        DiskPaths.Check(path),
        tree =>
        {
            var file = tree.Find(path);
            if (mode == DiskOpenMode.CreateNew && file is not null)
            {
                throw new IOException($"'{path}' exists");
            }

            if (file is null && mode is (DiskOpenMode.Read or DiskOpenMode.ReadWrite))
            {
                throw new FileNotFoundException($"'{path}' does not exist", path);
            }

            return (IDiskFile)new SimulatedHandle(disk, generation, path, file ?? tree.Create(path), mode != DiskOpenMode.Read);
        },
        ct);

    public ValueTask<bool> ExistsAsync(string path, CancellationToken ct) => Step(DiskStepKind.List, DiskPaths.Check(path), tree => tree.Find(path) is not null, ct);

    public ValueTask<IReadOnlyList<string>> ListFilesAsync(string folder, CancellationToken ct) =>
        Step(DiskStepKind.List, DiskPaths.Check(folder), tree => tree.Files(folder), ct);

    public ValueTask<IReadOnlyList<string>> ListFoldersAsync(string folder, CancellationToken ct) =>
        Step(DiskStepKind.List, DiskPaths.Check(folder), tree => tree.Folders(folder), ct);

    public ValueTask CreateFolderAsync(string folder, CancellationToken ct) => Do(DiskStepKind.CreateFolder, folder, tree => tree.CreateFolder(folder), ct);

    public ValueTask RenameAsync(string from, string to, CancellationToken ct) =>
        Do(DiskStepKind.Rename, DiskPaths.Check(from), tree => tree.Rename(from, DiskPaths.Check(to)), ct);

    public ValueTask DeleteFileAsync(string path, CancellationToken ct) => Do(DiskStepKind.DeleteFile, path, tree => tree.Delete(path), ct);

    public ValueTask DeleteFolderAsync(string folder, CancellationToken ct) => Do(DiskStepKind.DeleteFolder, folder, tree => tree.DeleteFolder(folder), ct);

    public ValueTask FlushDirectoryAsync(string folder, CancellationToken ct) => Do(DiskStepKind.FlushDirectory, folder, tree => tree.Flush(folder), ct);

    public (long FreeBytes, long TotalBytes) Space() => disk.Space();

    private ValueTask<T> Step<T>(DiskStepKind kind, string path, Func<SimulatedTree, T> apply, CancellationToken ct) =>
        disk.StepAsync(generation, kind, path, 0, 0, apply, null, ct);

    private async ValueTask Do(DiskStepKind kind, string path, Action<SimulatedTree> apply, CancellationToken ct)
    {
        DiskPaths.Check(path);
        await Step(
            kind,
            path,
            tree =>
            {
                apply(tree);
                return true;
            },
            ct);
    }
}

/// <summary>An open file of a <see cref="SimulatedMount"/>.</summary>
internal sealed class SimulatedHandle(SimulatedDisk disk, int generation, string path, SimulatedFile file, bool writable) : IDiskFile
{
    public long Length => disk.Read(generation, _ => (long)file.Length);

    public ValueTask<int> ReadAtAsync(long offset, Memory<byte> buffer, CancellationToken ct) =>
        disk.StepAsync(generation, DiskStepKind.Read, path, offset, buffer.Length, _ => file.Read(offset, buffer.Span), null, ct);

    public ValueTask WriteAtAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken ct) => WriteAsync(offset, bytes.ToArray(), ct);

    public ValueTask WriteAtAsync(long offset, IReadOnlyList<ReadOnlyMemory<byte>> bytes, CancellationToken ct)
    {
        var whole = new byte[bytes.Sum(b => b.Length)];
        var at = 0;
        foreach (var part in bytes)
        {
            part.CopyTo(whole.AsMemory(at));
            at += part.Length;
        }

        return WriteAsync(offset, whole, ct);
    }

    public ValueTask FlushAsync(CancellationToken ct) => Do(DiskStepKind.Flush, 0, 0, _ => file.Flush(), (_, _) => file.ForgetUnsynced(), ct);

    public ValueTask PreallocateAsync(long length, CancellationToken ct) => Do(DiskStepKind.Preallocate, 0, length, tree => Extend(tree, length), null, ct);

    public ValueTask SetLengthAsync(long length, CancellationToken ct) => Do(
        DiskStepKind.SetLength,
        0,
        length,
        tree =>
        {
            RequireWritable();
            disk.RequireSpace(tree, length - file.Length);
            file.SetLength(length);
        },
        null,
        ct);

    public ValueTask DisposeAsync() => default;

    private ValueTask WriteAsync(long offset, byte[] bytes, CancellationToken ct) =>
        Do(DiskStepKind.Write, offset, bytes.Length, tree => Write(tree, offset, bytes), (tree, count) => Write(tree, offset, bytes[..(int)Math.Min(count, bytes.Length)]), ct);

    private void Write(SimulatedTree tree, long offset, byte[] bytes)
    {
        RequireWritable();
        disk.RequireSpace(tree, offset + bytes.Length - file.Length);
        if (bytes.Length > 0)
        {
            file.Write(offset, bytes);
        }
    }

    private void Extend(SimulatedTree tree, long length)
    {
        if (length > file.Length)
        {
            Write(tree, file.Length, new byte[length - file.Length]);
        }
    }

    private void RequireWritable()
    {
        if (!writable)
        {
            throw new IOException($"'{path}' is open for reading only");
        }
    }

    private async ValueTask Do(DiskStepKind kind, long offset, long bytes, Action<SimulatedTree> apply, Action<SimulatedTree, long>? part, CancellationToken ct) =>
        await disk.StepAsync(
            generation,
            kind,
            path,
            offset,
            bytes,
            tree =>
            {
                apply(tree);
                return true;
            },
            part,
            ct);
}
