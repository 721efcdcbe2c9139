using MiniMilvus.Core;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Metadata;
using MiniMilvus.Woodpecker.Reading;

namespace MiniMilvus.Woodpecker.Local;

/// <summary>Log segments as files of a folder, one folder for each log.</summary>
internal sealed class LocalBackend(IDisk disk, LogMetadata metadata, WoodpeckerOptions options, TimeProvider time) : ILogBackend
{
    private readonly ReadBudget _readAhead = new(options.ReadAheadBytesMax);
    private readonly DiskSpaceGuard _space = new(disk, options, time);

    /// <summary>One being flushed, one being written behind it: a disk gains nothing from two flushes at once, and what arrives meanwhile shares the next.</summary>
    public int GroupsInFlightMax => 2;

    public int EarlyGroupBytesMin => options.EarlyGroupBytesMin;

    public TimeSpan GroupInterval => TimeSpan.Zero;

    public int BlockBytesMax => Math.Min(options.BlockBytesMax, options.FileBlockBytesMax);

    public DiskRoom Room => _space.Room;

    public ValueTask<IEpochGuard> FenceAsync(string log, Term epoch, CancellationToken ct) => GuardAsync<IEpochGuard>($"fence of log '{log}'", async () =>
    {
        await disk.CreateFolderAsync(LocalPaths.Folder(log), ct);
        return await EpochFile.WriteAsync(disk, metadata, log, epoch, ct);
    });

    public ValueTask<long> RecoverSegmentAsync(string log, LogSegmentRecord segment, Term epoch, IEpochGuard guard, CancellationToken ct) =>
        GuardAsync($"recovery of log segment {log}/{segment.Number}", () => LocalRecovery.RecoverAsync(disk, log, segment, epoch, options, ct));

    public ValueTask<ISegmentWriter> CreateSegmentAsync(string log, long segment, Term epoch, IEpochGuard guard, CancellationToken ct) => GuardAsync<ISegmentWriter>(
        $"create of log segment {log}/{segment}", async () => await LocalSegmentWriter.CreateAsync(disk, log, segment, epoch, options, ct));

    public ValueTask<ISegmentReader?> OpenSegmentAsync(string log, LogSegmentRecord segment, CancellationToken ct) => GuardAsync<ISegmentReader?>($"open of log segment {log}/{segment.Number}", async () =>
    {
        try
        {
            var file = await disk.OpenAsync(LocalPaths.Segment(log, segment.Number), DiskOpenMode.Read, ct);
            return new LocalSegmentReader(file, log, segment.Number, options.ReadBytes, _readAhead);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    });

    public ValueTask<bool> SegmentExistsAsync(string log, long segment, CancellationToken ct) =>
        GuardAsync($"look for log segment {log}/{segment}", () => disk.ExistsAsync(LocalPaths.Segment(log, segment), ct));

    public async ValueTask DeleteSegmentAsync(string log, long segment, CancellationToken ct) => await GuardAsync($"delete of log segment {log}/{segment}", async () =>
    {
        await disk.DeleteFileAsync(LocalPaths.Segment(log, segment), ct);
        await disk.FlushDirectoryAsync(LocalPaths.Folder(log), ct);
        return true;
    });

    public ValueTask<long> MeasureSegmentAsync(string log, long segment, CancellationToken ct) => GuardAsync($"look at log segment {log}/{segment}", async () =>
    {
        try
        {
            await using var file = await disk.OpenAsync(LocalPaths.Segment(log, segment), DiskOpenMode.Read, ct);
            return file.Length;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return 0;
        }
    });

    public ValueTask<IReadOnlyList<long>> ListSegmentsAsync(string log, long below, CancellationToken ct) => GuardAsync<IReadOnlyList<long>>(
        $"list of log '{log}'", async () => [.. (await disk.ListFilesAsync(LocalPaths.Folder(log), ct)).Select(LocalPaths.ParseSegment).OfType<long>().Where(n => n < below).Order()]);

    public async ValueTask DeleteLogAsync(string log, CancellationToken ct) => await GuardAsync($"delete of log '{log}'", async () =>
    {
        var folder = LocalPaths.Folder(log);
        var files = await disk.ListFilesAsync(folder, ct);
        if (files.Count > 0)
        {
            // A writer that still has the file open reads this, asks the metadata, and learns that its log is gone.
            await using (await EpochFile.WriteAsync(disk, metadata, log, new Term(long.MaxValue), ct))
            {
            }

            foreach (var file in files.Append("EPOCH"))
            {
                await disk.DeleteFileAsync($"{folder}/{file}", ct);
            }

            await disk.FlushDirectoryAsync(folder, ct);
        }

        await disk.DeleteFolderAsync(folder, ct);
        return true;
    });

    public ValueTask DisposeAsync() => default;

    private static async ValueTask<T> GuardAsync<T>(string what, Func<ValueTask<T>> call)
    {
        try
        {
            return await call();
        }
        catch (IOException e)
        {
            throw DiskErrors.ToUnavailable(e, what);
        }
    }
}
