using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Simulation.Exploration;

/// <summary>What was done to each path, in order, as one number: two disks that agree on it hold the same, synced and unsynced.</summary>
internal sealed class DiskHistory
{
    private const ulong Flushed = 6;
    private readonly SortedDictionary<string, ulong> _paths = new(StringComparer.Ordinal);
    private readonly HashSet<string> _clean = [];

    public ulong State => _paths.Aggregate(Fold.Start, (hash, p) => Fold.Of(hash, Fold.Of(Fold.Of(p.Key), p.Value)));

    public void Note(string path, ulong change)
    {
        // A flush of what is flushed changes nothing.
        if (change == Flushed ? _clean.Add(path) : _clean.Remove(path) || change != Flushed)
        {
            _paths[path] = Fold.Of(_paths.GetValueOrDefault(path, Fold.Start), change);
        }
    }
}

/// <summary>A mount of the simulated disk whose calls wait for their turn.</summary>
internal sealed class GatedDisk(IDisk disk, DiskHistory history, Actor actor) : IDisk
{
    public async ValueTask<IDiskFile> OpenAsync(string path, DiskOpenMode mode, CancellationToken ct)
    {
        var file = await StepAsync($"open {path} {mode}", path, mode is DiskOpenMode.CreateNew or DiskOpenMode.OpenOrCreate ? 1UL : null, () => disk.OpenAsync(path, mode, ct), _ => 1);
        return new GatedFile(this, path, file);
    }

    public ValueTask<bool> ExistsAsync(string path, CancellationToken ct) => StepAsync($"look for {path}", path, null, () => disk.ExistsAsync(path, ct), e => e ? 1UL : 0);

    public ValueTask<IReadOnlyList<string>> ListFilesAsync(string folder, CancellationToken ct) =>
        StepAsync($"list {folder}", folder, null, () => disk.ListFilesAsync(folder, ct), l => Fold.Of(string.Join('/', l)));

    public ValueTask<IReadOnlyList<string>> ListFoldersAsync(string folder, CancellationToken ct) =>
        StepAsync($"list folders of {folder}", folder, null, () => disk.ListFoldersAsync(folder, ct), l => Fold.Of(string.Join('/', l)));

    public ValueTask CreateFolderAsync(string folder, CancellationToken ct) => DoAsync($"create folder {folder}", folder, null, () => disk.CreateFolderAsync(folder, ct));

    public ValueTask RenameAsync(string from, string to, CancellationToken ct) => throw new NotSupportedException("the log renames nothing");

    public ValueTask DeleteFileAsync(string path, CancellationToken ct) => DoAsync($"delete {path}", path, 2, () => disk.DeleteFileAsync(path, ct));

    public ValueTask DeleteFolderAsync(string folder, CancellationToken ct) => DoAsync($"delete folder {folder}", folder, 3, () => disk.DeleteFolderAsync(folder, ct));

    public ValueTask FlushDirectoryAsync(string folder, CancellationToken ct) => DoAsync($"flush folder {folder}", folder, 4, () => disk.FlushDirectoryAsync(folder, ct));

    public (long FreeBytes, long TotalBytes) Space() => disk.Space();

    private ValueTask<T> StepAsync<T>(string what, string path, ulong? change, Func<ValueTask<T>> call, Func<T, ulong> seen) => actor.StepAsync(
        what,
        canBreak: false,
        change is not null,
        () =>
        {
            if (change is { } number)
            {
                history.Note(path, number);
            }

            return call();
        },
        seen,
        static message => new IOException(message));

    private async ValueTask DoAsync(string what, string path, ulong? change, Func<ValueTask> call) => await StepAsync(
        what,
        path,
        change,
        async () =>
        {
            await call();
            return true;
        },
        _ => 1);

    private sealed class GatedFile(GatedDisk disk, string path, IDiskFile file) : IDiskFile
    {
        public long Length
        {
            get
            {
                disk.Learn((ulong)file.Length);
                return file.Length;
            }
        }

        public ValueTask<int> ReadAtAsync(long offset, Memory<byte> buffer, CancellationToken ct) => disk.StepAsync(
            $"read {path} at {offset}", path, null, () => file.ReadAtAsync(offset, buffer, ct), count => Fold.Of(buffer.Span[..count]));

        public ValueTask WriteAtAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken ct) => WriteAtAsync(offset, [bytes], ct);

        public ValueTask WriteAtAsync(long offset, IReadOnlyList<ReadOnlyMemory<byte>> bytes, CancellationToken ct) => disk.DoAsync(
            $"write {path} at {offset}",
            path,
            bytes.Aggregate(Fold.Of(5, (ulong)offset), (hash, b) => Fold.Of(hash, Fold.Of(b.Span))),
            () => file.WriteAtAsync(offset, bytes, ct));

        public ValueTask FlushAsync(CancellationToken ct) => disk.DoAsync($"flush {path}", path, 6, () => file.FlushAsync(ct));

        public ValueTask PreallocateAsync(long length, CancellationToken ct) => disk.DoAsync($"preallocate {path}", path, Fold.Of(7, (ulong)length), () => file.PreallocateAsync(length, ct));

        public ValueTask SetLengthAsync(long length, CancellationToken ct) => disk.DoAsync($"set length of {path}", path, Fold.Of(8, (ulong)length), () => file.SetLengthAsync(length, ct));

        public ValueTask DisposeAsync() => file.DisposeAsync();
    }

    private void Learn(ulong seen) => actor.Learn(seen);
}
