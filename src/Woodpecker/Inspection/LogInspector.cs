using System.Globalization;
using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Local;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Inspection;

/// <summary>
/// Looks at local logs, beside their writer or without any: never writes, holds no lock. Metadata is asked anew for each answer;
/// where it gives null the segments' files speak for themselves, which proves less: an end that no block or footer vouches for is then open.
/// Errors: Unavailable (the disk failed). Damage is an answer, not an error.
/// </summary>
/// <param name="disk">The data folder, whose <c>logs</c> are read.</param>
/// <param name="metadata">Everything that metadata holds, or at least what lies under the log's own keys; null when it cannot be had.</param>
public sealed class LogInspector(IDisk disk, Func<CancellationToken, ValueTask<MetaRange?>> metadata)
{
    private readonly ReadOnlyDisk _disk = new(disk);

    /// <summary>Names of all logs that metadata or a folder has, in ordinal order.</summary>
    public async ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken ct)
    {
        var names = new SortedSet<string>(await GuardAsync("list of logs", async () => await _disk.ListFoldersAsync(LocalPaths.Root, ct)), StringComparer.Ordinal);
        if (await metadata(ct) is { } known)
        {
            names.UnionWith(known.Entries.Where(e => e.Key.StartsWith(LogKeys.Logs, StringComparison.Ordinal)).Select(e => LogKeys.NameOf(e.Key)).OfType<string>());
        }

        return [.. names];
    }

    /// <summary>What is known of a log without reading its blocks; NotFound when neither metadata nor a folder has it.</summary>
    public async ValueTask<LogInspection> InspectAsync(string log, CancellationToken ct)
    {
        LogKeys.Check(log);
        var known = await metadata(ct);
        var (record, segments, problem) = Records(log, known);
        var files = await GuardAsync($"list of log '{log}'", () => FilesAsync(log, ct));
        if (record is null && files.Count == 0 && !(await _disk.ListFoldersAsync(LocalPaths.Root, ct)).Contains(log))
        {
            throw MiniMilvusException.NotFound(ErrorReason.ChannelNotFound, $"log '{log}' does not exist");
        }

        var confirmed = record?.TruncatedUntil ?? LogPosition.Beginning;
        var found = new List<SegmentInspection>();
        foreach (var number in segments.Keys.Union(files.Keys).Order())
        {
            var segment = segments.GetValueOrDefault(number);
            var end = segment is { State: not LogSegmentState.Active } ? segment.End : (LogPosition?)null;
            confirmed = end > confirmed ? end.Value : confirmed;
            found.Add(new SegmentInspection(number, segment?.State.ToString(), end, files.TryGetValue(number, out var bytes) ? bytes : null));
        }

        var claimed = await ClaimedAsync(log, found, confirmed, ct);
        return new LogInspection(
            log, record?.Epoch, record?.WriterId, record?.Deleted ?? false, record?.TruncatedUntil, claimed > confirmed ? claimed : confirmed, found, problem);
    }

    /// <summary>
    /// The blocks of one segment, in the file's order, up to its footer, its torn tail or where nothing has been written; past damage.
    /// </summary>
    /// <param name="payloads">False reads headers only: fast, and what lies in payloads is neither checked nor returned.</param>
    public async IAsyncEnumerable<BlockInspection> BlocksAsync(LogInspection log, SegmentInspection segment, bool payloads, [EnumeratorCancellation] CancellationToken ct)
    {
        var file = await OpenAsync(log.Name, segment.Number, ct);
        if (file is null)
        {
            if (await IsMissedAsync(log, segment, ct))
            {
                yield return new BlockInspection(
                    log.Name, segment.Number, 0, 0, BlockVerdict.Damaged, $"expected a file, found none; metadata says {segment.State} with end {segment.End}", false, 0,
                    new LogPosition(segment.Number, 0), 0, 0, LogPosition.Beginning, default, []);
            }

            yield break;
        }

        // A footer is durable before metadata completes a segment, and before the next one is made.
        var isFinished = segment.End is not null || (segment.State is null && log.Segments.Any(s => s.Number > segment.Number));
        var known = segment.End ?? (log.Confirmed.Segment == segment.Number ? log.Confirmed : LogPosition.Beginning);
        await using var scan = new SegmentScan(file, log.Name, segment.Number, known, isFinished, payloads);
        await foreach (var block in scan.ReadAsync(ct))
        {
            yield return block;
        }
    }

    /// <summary>Whether an absent file is a loss: not one that was given up, nor one that went since metadata was read.</summary>
    private async ValueTask<bool> IsMissedAsync(LogInspection log, SegmentInspection segment, CancellationToken ct)
    {
        if (segment.End is not { Entry: > 0 } end || segment.State == nameof(LogSegmentState.Truncated) || end <= log.TruncatedUntil || log.IsDeleted)
        {
            return false;
        }

        var (record, segments, _) = Records(log.Name, await metadata(ct));
        return record is { Deleted: false } && end > record.TruncatedUntil && segments.ContainsKey(segment.Number);
    }

    /// <summary>What blocks say was confirmed: of the newest segment, or of the first one before it that says anything. Headers only.</summary>
    private async ValueTask<LogPosition> ClaimedAsync(string log, List<SegmentInspection> segments, LogPosition confirmed, CancellationToken ct)
    {
        foreach (var segment in segments.AsEnumerable().Reverse().TakeWhile(s => s.Number >= confirmed.Segment))
        {
            var claimed = LogPosition.Beginning;
            if (await OpenAsync(log, segment.Number, ct) is { } file)
            {
                await using var scan = new SegmentScan(file, log, segment.Number, LogPosition.Beginning, false, false);
                await foreach (var block in scan.ReadAsync(ct))
                {
                    var says = block.IsFooter ? block.First : block.Confirmed;
                    claimed = says > claimed ? says : claimed;
                }
            }

            if (claimed > LogPosition.Beginning)
            {
                return claimed;
            }
        }

        return LogPosition.Beginning;
    }

    private static (LogRecord? Record, Dictionary<long, LogSegmentRecord> Segments, string? Problem) Records(string log, MetaRange? known)
    {
        LogRecord? record = null;
        string? problem = null;
        var segments = new Dictionary<long, LogSegmentRecord>();
        foreach (var entry in known?.Entries ?? [])
        {
            try
            {
                if (entry.Key == LogKeys.Log(log))
                {
                    record = RecordJson.ReadLog(entry.Key, entry.Value.Span);
                }
                else if (entry.Key.StartsWith(LogKeys.Segments(log), StringComparison.Ordinal))
                {
                    var segment = RecordJson.ReadSegment(entry.Key, entry.Value.Span);
                    segments[segment.Number] = segment;
                }
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
            {
                problem ??= e.Message;
            }
        }

        return (record, segments, problem);
    }

    private async ValueTask<Dictionary<long, long>> FilesAsync(string log, CancellationToken ct)
    {
        var files = new Dictionary<long, long>();
        foreach (var name in await _disk.ListFilesAsync(LocalPaths.Folder(log), ct))
        {
            if (name.EndsWith(LocalPaths.SegmentSuffix, StringComparison.Ordinal)
                && long.TryParse(name.AsSpan(0, name.Length - LocalPaths.SegmentSuffix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                await using var file = await OpenAsync(log, number, ct);
                if (file is not null)
                {
                    files[number] = file.Length;
                }
            }
        }

        return files;
    }

    private ValueTask<IDiskFile?> OpenAsync(string log, long segment, CancellationToken ct) => GuardAsync<IDiskFile?>($"open of log segment {log}/{segment}", async () =>
    {
        try
        {
            return await _disk.OpenAsync(LocalPaths.Segment(log, segment), DiskOpenMode.Read, ct);
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
