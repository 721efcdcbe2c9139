using MiniMilvus.Core;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Local;

/// <summary>Log segments as files of a folder, one folder for each log.</summary>
internal sealed class LocalBackend(IDisk disk, LogMetadata metadata, WoodpeckerOptions options, TimeProvider time) : ILogBackend
{
    private readonly DiskSpaceGuard _space = new(disk, options, time);

    /// <summary>One flush at a time: a disk gains nothing from two, and what arrives meanwhile shares the next.</summary>
    public int GroupsInFlightMax => 1;

    public void RequireRoom() => _space.RequireRoom();

    public async ValueTask<IEpochGuard> FenceAsync(string log, Term epoch, CancellationToken ct)
    {
        await disk.CreateFolderAsync(LocalPaths.Folder(log), ct);
        return await EpochFile.WriteAsync(disk, metadata, log, epoch, ct);
    }

    public ValueTask<long> RecoverSegmentAsync(string log, LogSegmentRecord segment, Term epoch, CancellationToken ct) =>
        LocalRecovery.RecoverAsync(disk, log, segment, epoch, options, ct);

    public async ValueTask<ISegmentWriter> CreateSegmentAsync(string log, long segment, Term epoch, CancellationToken ct) =>
        await LocalSegmentWriter.CreateAsync(disk, log, segment, epoch, options, ct);

    public async ValueTask<ISegmentReader?> OpenSegmentAsync(string log, long segment, CancellationToken ct)
    {
        try
        {
            var file = await disk.OpenAsync(LocalPaths.Segment(log, segment), DiskOpenMode.Read, ct);
            return new LocalSegmentReader(file, log, segment, options.ReadBytes);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    public async ValueTask DeleteSegmentAsync(string log, long segment, CancellationToken ct)
    {
        await disk.DeleteFileAsync(LocalPaths.Segment(log, segment), ct);
        await disk.FlushDirectoryAsync(LocalPaths.Folder(log), ct);
    }

    public async ValueTask DeleteLogAsync(string log, CancellationToken ct)
    {
        var folder = LocalPaths.Folder(log);
        var files = await disk.ListFilesAsync(folder, ct);
        if (files.Count > 0)
        {
            // A writer that still has the file open reads this, asks the metadata, and learns that its log is gone.
            await (await FenceAsync(log, new Term(long.MaxValue), ct)).DisposeAsync();
            foreach (var file in files)
            {
                await disk.DeleteFileAsync($"{folder}/{file}", ct);
            }

            await disk.DeleteFileAsync(LocalPaths.Epoch(log), ct);
            await disk.FlushDirectoryAsync(folder, ct);
        }

        await disk.DeleteFolderAsync(folder, ct);
    }

    public ValueTask DisposeAsync() => default;
}
