using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Inspection;

/// <summary>
/// Looks at logs in a folder or in an object store, beside their writer or without any: never writes, holds no lock. Metadata is asked for each
/// answer; where it gives null the bytes speak for themselves, which proves less: an end that no block or footer vouches for is then open.
/// Errors: Unavailable (the disk or the store failed). Damage is an answer, not an error.
/// </summary>
public sealed class LogInspector
{
    private readonly ILogPlace _place;
    private readonly Func<CancellationToken, ValueTask<MetaRange?>> _metadata;
    private readonly Func<MetaRange, string, LogPosition> _consumed;

    private LogInspector(ILogPlace place, Func<CancellationToken, ValueTask<MetaRange?>> metadata, Func<MetaRange, string, LogPosition>? consumed) =>
        (_place, _metadata, _consumed) = (place, metadata, consumed ?? (static (_, _) => LogPosition.Beginning));

    /// <param name="disk">The data folder, whose <c>logs</c> are read.</param>
    /// <param name="metadata">Everything that metadata holds, or at least what lies under the log's own keys; null when it cannot be had.</param>
    /// <param name="consumed">How far a log's consumers say in the same metadata that they have read, exclusive: that had been confirmed.</param>
    public LogInspector(IDisk disk, Func<CancellationToken, ValueTask<MetaRange?>> metadata, Func<MetaRange, string, LogPosition>? consumed = null)
        : this(new LocalPlace(disk), metadata, consumed)
    {
    }

    /// <param name="objects">The store, whose <c>logs/</c> are read.</param>
    /// <param name="metadata">As of a folder.</param>
    /// <param name="options">How often, and how far apart, a request is tried.</param>
    /// <param name="time">The clock of the tries.</param>
    /// <param name="consumed">As of a folder.</param>
    public LogInspector(
        IObjectStore objects, Func<CancellationToken, ValueTask<MetaRange?>> metadata, WoodpeckerOptions options, TimeProvider time, Func<MetaRange, string, LogPosition>? consumed = null)
        : this(new ObjectPlace(objects, options, time), metadata, consumed)
    {
    }

    /// <summary>Names of all logs that metadata has or of which anything is kept, in ordinal order.</summary>
    public async ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken ct) => await ListAsync(await _metadata(ct), ct);

    /// <summary>Every log as <see cref="InspectAsync(string, CancellationToken)"/> describes it, by one answer of the metadata; one that goes meanwhile is left out.</summary>
    public async IAsyncEnumerable<LogInspection> InspectAllAsync([EnumeratorCancellation] CancellationToken ct)
    {
        var known = await _metadata(ct);
        foreach (var name in await ListAsync(known, ct))
        {
            if (await TryInspectAsync(name, known, ct) is { } found)
            {
                yield return found;
            }
        }
    }

    /// <summary>What is known of a log without reading its blocks; NotFound when neither metadata nor the place has it.</summary>
    public async ValueTask<LogInspection> InspectAsync(string log, CancellationToken ct) =>
        await TryInspectAsync(LogKeys.Check(log), await _metadata(ct), ct) ?? throw MiniMilvusException.NotFound(ErrorReason.ChannelNotFound, $"log '{log}' does not exist");

    /// <summary>
    /// The blocks of one segment, in their order, up to its footer, its torn tail or where nothing has been written; past damage.
    /// </summary>
    /// <param name="payloads">False reads headers only: fast, and what lies in payloads is neither checked nor returned.</param>
    public async IAsyncEnumerable<BlockInspection> BlocksAsync(LogInspection log, SegmentInspection segment, bool payloads, [EnumeratorCancellation] CancellationToken ct)
    {
        // A footer is durable before metadata completes a segment, and before the next one is made.
        var isFinished = segment.End is not null || (segment.State is null && log.Segments.Any(s => s.Number > segment.Number));
        var known = segment.End ?? (log.Confirmed.Segment == segment.Number ? log.Confirmed : LogPosition.Beginning);
        var scan = await _place.OpenAsync(log.Name, segment.Number, new ScanRequest(known, isFinished, payloads, segment.State is not null, segment.SealedAs), ct);
        if (scan is null)
        {
            if (segment.SealedAs is null && await SealedSinceAsync(log, segment, ct) is { } sealedSince)
            {
                await foreach (var block in BlocksAsync(log, sealedSince, payloads, ct))
                {
                    yield return block;
                }
            }
            else if (known.Entry > 0 && !await IsGivenUpAsync(log, segment, ct))
            {
                yield return new BlockInspection(
                    log.Name, segment.Number, 0, 0, BlockVerdict.Damaged, $"expected {_place.Kept}, found none; metadata says {segment.State}, and entries below {known} had been confirmed", false, 0,
                    new LogPosition(segment.Number, 0), 0, 0, LogPosition.Beginning, default, []);
            }

            yield break;
        }

        await using (scan)
        {
            await foreach (var block in scan.ReadAsync(ct))
            {
                if (block.Verdict == BlockVerdict.Damaged && block.Header.IsEmpty)
                {
                    if (await IsGivenUpAsync(log, segment, ct))
                    {
                        yield break; // truncated or deleted while it was read
                    }

                    if (segment.SealedAs is null && await SealedSinceAsync(log, segment, ct) is { } sealedSince)
                    {
                        // Its blocks went while they were read: the sealed form has them all.
                        await foreach (var rest in BlocksAsync(log, sealedSince, payloads, ct))
                        {
                            yield return rest;
                        }

                        yield break;
                    }
                }

                yield return block;
            }
        }
    }

    private async ValueTask<IReadOnlyList<string>> ListAsync(MetaRange? known, CancellationToken ct)
    {
        var names = new SortedSet<string>(await _place.ListAsync(ct), StringComparer.Ordinal);
        if (known is not null)
        {
            names.UnionWith(known.Entries.Where(e => e.Key.StartsWith(LogKeys.Logs, StringComparison.Ordinal)).Select(e => LogKeys.NameOf(e.Key)).OfType<string>());
        }

        return [.. names];
    }

    private async ValueTask<LogInspection?> TryInspectAsync(string log, MetaRange? known, CancellationToken ct)
    {
        var records = LogRecords.Of(log, known);
        var kept = await _place.SegmentsAsync(log, ct);
        if (records.Log is null && kept is null)
        {
            return null;
        }

        var confirmed = known is null ? LogPosition.Beginning : _consumed(known, log);
        confirmed = records.Log?.TruncatedUntil > confirmed ? records.Log.TruncatedUntil : confirmed;
        confirmed = records.Lock?.Confirmed > confirmed ? records.Lock.Confirmed : confirmed;
        var found = new List<SegmentInspection>();
        foreach (var number in records.Segments.Keys.Union(kept?.Keys ?? Enumerable.Empty<long>()).Order())
        {
            var segment = records.Segments.GetValueOrDefault(number);
            var end = segment is { State: not LogSegmentState.Active } ? segment.End : (LogPosition?)null;
            confirmed = end > confirmed ? end.Value : confirmed;
            found.Add(new SegmentInspection(number, segment?.State.ToString(), end, kept is not null && kept.TryGetValue(number, out var bytes) ? bytes : null)
            {
                SealedAs = segment?.SealedAs, IsSwept = segment?.IsSwept ?? false, TruncatedAt = segment?.TruncatedAt,
            });
        }

        var claimed = await ClaimedAsync(log, found, confirmed, ct);
        var problems = new[] { records.Problem, records.Log is { Deleted: true } ? null : await _place.FindFenceProblemAsync(log, ct) };
        return new LogInspection(
            log, records.Log?.Epoch, records.Log?.WriterId, records.Log?.Deleted ?? false, records.Log?.TruncatedUntil, claimed > confirmed ? claimed : confirmed, found,
            [.. problems.OfType<string>()]) { LockTerm = records.Lock?.Epoch, Readers = records.Readers };
    }

    /// <summary>Whether what is absent is no loss: given up by a truncation or a deletion, perhaps since metadata was read.</summary>
    private async ValueTask<bool> IsGivenUpAsync(LogInspection log, SegmentInspection segment, CancellationToken ct)
    {
        if (segment.State == nameof(LogSegmentState.Truncated) || segment.End <= log.TruncatedUntil || log.IsDeleted)
        {
            return true;
        }

        if (await _metadata(ct) is not { } known)
        {
            return await _place.SegmentsAsync(log.Name, ct) is not { } kept || !kept.ContainsKey(segment.Number);
        }

        var records = LogRecords.Of(log.Name, known);
        return records.Log is null or { Deleted: true } || !records.Segments.TryGetValue(segment.Number, out var now)
            || (now.State != LogSegmentState.Active && now.End <= records.Log.TruncatedUntil);
    }

    /// <summary>The segment as it is now, when it has been sealed since it was described.</summary>
    private async ValueTask<SegmentInspection?> SealedSinceAsync(LogInspection log, SegmentInspection segment, CancellationToken ct) =>
        await _metadata(ct) is { } known && LogRecords.Of(log.Name, known).Segments.TryGetValue(segment.Number, out var now) && now.SealedAs is { } name
            ? segment with { State = now.State.ToString(), End = now.End, SealedAs = name }
            : null;

    /// <summary>What blocks say was confirmed: of the newest segment, or of the first one before it that says anything. Headers only.</summary>
    private async ValueTask<LogPosition> ClaimedAsync(string log, List<SegmentInspection> segments, LogPosition confirmed, CancellationToken ct)
    {
        foreach (var segment in segments.AsEnumerable().Reverse().TakeWhile(s => s.Number >= confirmed.Segment))
        {
            if (await _place.ClaimAsync(log, segment.Number, ct) is var claimed && claimed > LogPosition.Beginning)
            {
                return claimed;
            }
        }

        return LogPosition.Beginning;
    }
}
