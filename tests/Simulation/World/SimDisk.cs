using MiniMilvus.Simulation.Scheduling;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Simulation.World;

/// <summary>
/// A mount of the simulated disk with a latency drawn for each call, so that calls overlap and finish in an order of their own. Also where code
/// that has left the scheduler is found.
/// </summary>
internal sealed class SimDisk(IDisk disk, SimProcess process, SimScheduler scheduler, Random random, Func<string, bool> ignoresFlush, Func<long?> freeBytes) : IDisk
{
    public async ValueTask<IDiskFile> OpenAsync(string path, DiskOpenMode mode, CancellationToken ct)
    {
        await WaitAsync();
        return new SimFile(this, path, await disk.OpenAsync(path, mode, ct));
    }

    public async ValueTask<bool> ExistsAsync(string path, CancellationToken ct)
    {
        await WaitAsync();
        return await disk.ExistsAsync(path, ct);
    }

    public async ValueTask<IReadOnlyList<string>> ListFilesAsync(string folder, CancellationToken ct)
    {
        await WaitAsync();
        return await disk.ListFilesAsync(folder, ct);
    }

    public async ValueTask<IReadOnlyList<string>> ListFoldersAsync(string folder, CancellationToken ct)
    {
        await WaitAsync();
        return await disk.ListFoldersAsync(folder, ct);
    }

    public async ValueTask CreateFolderAsync(string folder, CancellationToken ct)
    {
        await WaitAsync();
        await disk.CreateFolderAsync(folder, ct);
    }

    public async ValueTask RenameAsync(string from, string to, CancellationToken ct)
    {
        await WaitAsync();
        await disk.RenameAsync(from, to, ct);
        await WaitAsync();
    }

    public async ValueTask DeleteFileAsync(string path, CancellationToken ct)
    {
        await WaitAsync();
        await disk.DeleteFileAsync(path, ct);
    }

    public async ValueTask DeleteFolderAsync(string folder, CancellationToken ct)
    {
        await WaitAsync();
        await disk.DeleteFolderAsync(folder, ct);
    }

    public async ValueTask FlushDirectoryAsync(string folder, CancellationToken ct)
    {
        await WaitAsync();
        await disk.FlushDirectoryAsync(folder, ct);
    }

    public (long FreeBytes, long TotalBytes) Space() => freeBytes() is { } free ? (free, disk.Space().TotalBytes) : disk.Space();

    private bool IgnoresFlush(string path) => ignoresFlush(path);

    private Task WaitAsync()
    {
        scheduler.AssertHere("disk");

        // Mostly microseconds, now and then a slow one.
        var microseconds = random.Next(20) == 0 ? random.Next(1000, 20_000) : random.Next(1, 200);
        return Task.Delay(TimeSpan.FromMicroseconds(microseconds), process.Time, CancellationToken.None);
    }

    private sealed class SimFile(SimDisk disk, string path, IDiskFile file) : IDiskFile
    {
        public long Length => file.Length;

        public async ValueTask<int> ReadAtAsync(long offset, Memory<byte> buffer, CancellationToken ct)
        {
            await disk.WaitAsync();
            return await file.ReadAtAsync(offset, buffer, ct);
        }

        public async ValueTask WriteAtAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken ct)
        {
            await disk.WaitAsync();
            await file.WriteAtAsync(offset, bytes, ct);
            await disk.WaitAsync();
        }

        public async ValueTask WriteAtAsync(long offset, IReadOnlyList<ReadOnlyMemory<byte>> bytes, CancellationToken ct)
        {
            await disk.WaitAsync();
            await file.WriteAtAsync(offset, bytes, ct);
            await disk.WaitAsync();
        }

        public async ValueTask FlushAsync(CancellationToken ct)
        {
            await disk.WaitAsync();
            if (!disk.IgnoresFlush(path))
            {
                await file.FlushAsync(ct);
            }

            await disk.WaitAsync();
        }

        public async ValueTask PreallocateAsync(long length, CancellationToken ct)
        {
            await disk.WaitAsync();
            await file.PreallocateAsync(length, ct);
        }

        public async ValueTask SetLengthAsync(long length, CancellationToken ct)
        {
            await disk.WaitAsync();
            await file.SetLengthAsync(length, ct);
        }

        public ValueTask DisposeAsync() => file.DisposeAsync();
    }
}
