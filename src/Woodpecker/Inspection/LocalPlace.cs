using MiniMilvus.Core;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Local;

namespace MiniMilvus.Woodpecker.Inspection;

/// <summary>Logs in a folder: a file for each segment, and the file that fences.</summary>
internal sealed class LocalPlace(IDisk disk) : ILogPlace
{
    private readonly ReadOnlyDisk _disk = new(disk);

    public string Kept => "a file";

    public async ValueTask<IReadOnlyCollection<string>> ListAsync(CancellationToken ct) =>
        await GuardAsync("list of logs", () => _disk.ListFoldersAsync(LocalPaths.Root, ct));

    public async ValueTask<SortedDictionary<long, long>?> SegmentsAsync(string log, CancellationToken ct)
    {
        var files = new SortedDictionary<long, long>();
        foreach (var name in await GuardAsync($"list of log '{log}'", () => _disk.ListFilesAsync(LocalPaths.Folder(log), ct)))
        {
            if (LocalPaths.ParseSegment(name) is { } number)
            {
                await using var file = await OpenAsync(LocalPaths.Segment(log, number), ct);
                if (file is not null)
                {
                    files[number] = file.Length;
                }
            }
        }

        return files.Count > 0 || (await ListAsync(ct)).Contains(log) ? files : null;
    }

    public async ValueTask<ISegmentScan?> OpenAsync(string log, long segment, ScanRequest request, CancellationToken ct) =>
        await OpenAsync(LocalPaths.Segment(log, segment), ct) is { } file ? new LocalSegmentScan(file, log, segment, request) : null;

    public async ValueTask<LogPosition> ClaimAsync(string log, long segment, CancellationToken ct)
    {
        var claimed = LogPosition.Beginning;
        if (await OpenAsync(log, segment, new ScanRequest(LogPosition.Beginning, IsFinished: false, Payloads: false, IsKnown: false, SealedAs: null), ct) is { } scan)
        {
            await using (scan)
            {
                await foreach (var block in scan.ReadAsync(ct))
                {
                    var says = block.IsFooter ? block.First : block.Confirmed;
                    claimed = says > claimed ? says : claimed;
                }
            }
        }

        return claimed;
    }

    /// <summary>A writer that has made a segment has fenced before, so the file is there, unless the log is going.</summary>
    public async ValueTask<string?> FindFenceProblemAsync(string log, CancellationToken ct)
    {
        var path = LocalPaths.Epoch(log);
        if (await SegmentsAsync(log, ct) is not { Count: > 0 })
        {
            return null;
        }

        await using var file = await OpenAsync(path, ct);
        if (file is null)
        {
            return await SegmentsAsync(log, ct) is { Count: > 0 } ? $"log '{log}': expected the file {path}, which fences its writers, found none" : null;
        }

        var bytes = new byte[EpochFile.Bytes + 1];
        var read = await GuardAsync($"read of {path}", () => file.ReadAtAsync(0, bytes, ct));
        return EpochFile.Decode(bytes.AsSpan(0, read)) is null
            ? $"log '{log}', file {path}: expected {EpochFile.Bytes} bytes that verify, found {(read > EpochFile.Bytes ? "more" : $"{read}")} that do not; the log's next writer makes it anew"
            : null;
    }

    private ValueTask<IDiskFile?> OpenAsync(string path, CancellationToken ct) => GuardAsync<IDiskFile?>($"open of {path}", async () =>
    {
        try
        {
            return await _disk.OpenAsync(path, DiskOpenMode.Read, ct);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    });

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
