using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Collection;

/// <summary>A truncated segment that is still kept.</summary>
internal readonly record struct KeptSegment(long Number, DateTimeOffset TruncatedAt, long Bytes);

/// <param name="Left">Truncated segments that stay for now, oldest first.</param>
/// <param name="DueIn">When to look again; null when nothing is left to look at.</param>
/// <param name="Collected">The truncated segment that went.</param>
/// <param name="Bytes">What went with it, or with an orphan.</param>
internal sealed record CollectionResult(IReadOnlyList<KeptSegment> Left, TimeSpan? DueIn, long? Collected, long Bytes, bool IsOrphan)
{
    public bool IsProductive => Collected is not null || IsOrphan;
}

/// <summary>
/// What of one log may go, and in which order (W12): whole segments below the truncation point, below every live reader, and past the retention
/// time; the oldest first, its bytes before its record, so that a crash in between leaves a record that says what to do again. Then what has
/// bytes and no record: below the truncation point and below every record it is proven garbage, for numbers only rise; anything else is kept.
/// </summary>
internal sealed class SegmentCollection(ILogBackend backend, LogMetadata metadata, Func<string, CancellationToken, ValueTask<long>> oldestReader, WoodpeckerOptions options, TimeProvider time)
{
    /// <summary>Marks what lies whole below the truncation point; the newest record stays whatever happens: it carries the numbering on.</summary>
    public async ValueTask<ImmutableArray<LogSegmentRecord>> MarkAsync(string log, LogPosition truncated, ImmutableArray<Versioned<LogSegmentRecord>> segments, CancellationToken ct)
    {
        var marked = ImmutableArray.CreateBuilder<LogSegmentRecord>();
        foreach (var (segment, _) in segments.SkipLast(1))
        {
            if (segment.State == LogSegmentState.Active || segment.End > truncated)
            {
                break;
            }

            var record = segment is { State: LogSegmentState.Truncated, TruncatedAt: not null } ? segment : await metadata.MarkTruncatedAsync(log, segment.Number, ct);
            if (record is { State: LogSegmentState.Truncated })
            {
                marked.Add(record);
            }
        }

        return marked.ToImmutable();
    }

    /// <summary>One visit, in which at most one segment goes, an orphan or a truncated one. The caller has the log's turn.</summary>
    /// <param name="known">Bytes of segments that an earlier visit has measured.</param>
    /// <param name="sweeps">Look for orphans too.</param>
    public async ValueTask<CollectionResult> CollectAsync(string log, IReadOnlyDictionary<long, long> known, bool sweeps, CancellationToken ct)
    {
        var truncated = (await metadata.GetLogAsync(log, ct)).Record.TruncatedUntil;
        var segments = await metadata.ListSegmentsAsync(log, ct);
        var marked = await MarkAsync(log, truncated, segments, ct);
        if (sweeps && await FindOrphanAsync(log, truncated, segments, ct) is { } orphan)
        {
            var lost = await backend.MeasureSegmentAsync(log, orphan, ct);
            await backend.DeleteSegmentAsync(log, orphan, ct);
            return new(await KeptAsync(log, marked, known, ct), TimeSpan.Zero, null, lost, IsOrphan: true);
        }

        if (marked.IsEmpty)
        {
            return new([], null, null, 0, false);
        }

        // Readers are asked after the truncation point: one that is not heard of here has itself seen a point at least as high.
        var (now, oldest) = (time.GetUtcNow(), marked[0]);
        var rest = oldest.TruncatedAt!.Value + options.RetentionTime - now;
        if (rest > TimeSpan.Zero || await oldestReader(log, ct) <= oldest.Number)
        {
            return new(await KeptAsync(log, marked, known, ct), rest > TimeSpan.Zero ? rest : options.CollectionRetryInterval, null, 0, false);
        }

        var bytes = known.TryGetValue(oldest.Number, out var measured) ? measured : await backend.MeasureSegmentAsync(log, oldest.Number, ct);
        await backend.DeleteSegmentAsync(log, oldest.Number, ct);
        await metadata.RemoveTruncatedAsync(log, oldest.Number, ct);
        return new(await KeptAsync(log, marked.RemoveAt(0), known, ct), TimeSpan.Zero, oldest.Number, bytes, false);
    }

    /// <summary>
    /// Proven: its record was listed before its bytes were, and is not there; records go only when collected, and a number below the first
    /// that has one is never given again. A missing record above the truncation point is lost metadata, and no proof of anything (W11).
    /// </summary>
    private async ValueTask<long?> FindOrphanAsync(string log, LogPosition truncated, ImmutableArray<Versioned<LogSegmentRecord>> segments, CancellationToken ct)
    {
        var below = segments.IsEmpty ? 0 : Math.Min(truncated.Segment, segments[0].Record.Number);
        return below == 0 ? null : (await backend.ListSegmentsAsync(log, below, ct)).Cast<long?>().FirstOrDefault();
    }

    private async ValueTask<IReadOnlyList<KeptSegment>> KeptAsync(string log, ImmutableArray<LogSegmentRecord> marked, IReadOnlyDictionary<long, long> known, CancellationToken ct)
    {
        var kept = new List<KeptSegment>(marked.Length);
        foreach (var segment in marked)
        {
            kept.Add(new(segment.Number, segment.TruncatedAt!.Value, known.TryGetValue(segment.Number, out var bytes) ? bytes : await backend.MeasureSegmentAsync(log, segment.Number, ct)));
        }

        return kept;
    }
}
