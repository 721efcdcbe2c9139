using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Verifying;

/// <summary>
/// The log is the database: every sealed segment whose rows it still holds is made again from it and compared, and so are the delete files. Changes
/// nothing, and may run beside the owner: what the catalogue no longer says when the log has been read is no difference.
/// Holds the columns of <c>batchBytes</c> of segments, or of one that is larger, and of the log one block and one transaction; each batch is one reading of
/// its part of the log, the first one of all that lies below the checkpoints. Left out: outputs of compactions, whose inputs went.
/// </summary>
internal sealed class LogComparison(LogInspector logs, IObjectStore store, Func<CancellationToken, ValueTask<MetaRange?>> metadata, long batchBytes = LogComparison.BatchBytesMax)
{
    public const long BatchBytesMax = 256L << 20;

    /// <summary>Whether the catalogue could be had; without it nothing tells what should be in the log.</summary>
    public bool HasCatalog { get; private set; }

    public long Segments { get; private set; }

    public long DeleteFiles { get; private set; }

    /// <summary>Segments that begin below what the log still holds.</summary>
    public long Older { get; private set; }

    /// <summary>Segments that a compaction made.</summary>
    public long Compacted { get; private set; }

    /// <summary>Segments and delete files that damage kept from being compared.</summary>
    public long Obstructed { get; private set; }

    public long Differences { get; private set; }

    /// <summary>A line for each difference and each obstacle. Throws Unavailable when the place does not answer.</summary>
    public async IAsyncEnumerable<string> RunAsync([EnumeratorCancellation] CancellationToken ct)
    {
        if (await CatalogAsync(ct) is not { } catalog)
        {
            yield break;
        }

        HasCatalog = true;
        foreach (var channel in catalog.Collections.Values.SelectMany(c => c.Channels).Select(c => c.PChannel).Distinct().OrderBy(c => c.Name, StringComparer.Ordinal))
        {
            await foreach (var line in CompareAsync(channel, catalog, ct))
            {
                yield return line;
            }
        }
    }

    private async IAsyncEnumerable<string> CompareAsync(PChannel channel, CatalogSnapshot catalog, [EnumeratorCancellation] CancellationToken ct)
    {
        var collections = catalog.Collections.Values.Where(c => c.State == DdlState.Created).ToList();
        var segments = collections.SelectMany(c => catalog.SegmentsOf(c.Id).Values.Where(s =>
            s.State == SegmentState.Flushed && s.Channel.PChannel == channel && c.Partitions.Any(p => p.Id == s.Partition && p.State == DdlState.Created))).ToList();
        var made = segments.Where(s => s.CompactedFrom.IsEmpty).OrderBy(s => s.Start).ToList();
        Compacted += segments.Count - made.Count;
        var log = await TryInspectAsync(channel, ct);
        if (log?.TruncatedUntil is not { } begin)
        {
            if (made.Count > 0)
            {
                Obstructed += made.Count;
                yield return $"NOT COMPARED log '{channel}': expected to be told where it begins, found {(log is null ? "no log" : "no record of it")}";
            }

            yield break;
        }

        Older += made.Count(s => s.Start < begin);
        var waiting = new Queue<SegmentRecord>(made.Where(s => s.Start >= begin));
        var deletes = new DeleteComparison(store, catalog, segments, collections.SelectMany(c => c.Channels).Where(c => c.PChannel == channel));
        deletes.Miss(begin, null);
        await foreach (var line in CompareBatchAsync(log, begin, TakeBatch(waiting, catalog), deletes, ct))
        {
            yield return line;
        }

        while (waiting.TryPeek(out var first))
        {
            await foreach (var line in CompareBatchAsync(log, first.Start, TakeBatch(waiting, catalog), null, ct))
            {
                yield return line;
            }
        }
    }

    private List<SegmentComparison> TakeBatch(Queue<SegmentRecord> waiting, CatalogSnapshot catalog)
    {
        var (batch, bytes) = (new List<SegmentComparison>(), 0L);
        while (waiting.TryPeek(out var next) && (batch.Count == 0 || bytes + next.Bytes <= batchBytes))
        {
            bytes += next.Bytes;
            batch.Add(new SegmentComparison(waiting.Dequeue(), catalog.Collections[next.Collection].Schema));
        }

        return batch;
    }

    private async IAsyncEnumerable<string> CompareBatchAsync(
        LogInspection log, LogPosition from, List<SegmentComparison> batch, DeleteComparison? deletes, [EnumeratorCancellation] CancellationToken ct)
    {
        try
        {
            foreach (var segment in batch)
            {
                await segment.OpenAsync(store, ct);
            }

            var until = batch.Select(s => s.Record.End.Next).Append(deletes?.Until ?? LogPosition.Beginning).Max();
            if (until > from)
            {
                await ReadAsync(new LogReplay(logs, log).ReadAsync(from, until, ct), batch.ToDictionary(s => s.Record.Id), deletes, ct);
            }

            await foreach (var line in ReportAsync(log, [.. batch, .. deletes?.All ?? []], ct))
            {
                yield return line;
            }
        }
        finally
        {
            batch.ForEach(s => s.Dispose());
        }
    }

    private static async ValueTask ReadAsync(IAsyncEnumerable<Replayed> replay, Dictionary<SegmentId, SegmentComparison> segments, DeleteComparison? deletes, CancellationToken ct)
    {
        await foreach (var (found, from, problem) in replay)
        {
            if (found is not { } message)
            {
                deletes?.Miss(from, problem);
                foreach (var segment in segments.Values)
                {
                    segment.Miss(from, problem);
                }

                continue;
            }

            var of = message.Body switch { InsertBody insert => insert.Segment, FlushBody flush => flush.Segment, _ => SegmentId.None };
            if (segments.TryGetValue(of, out var concerned) && concerned.Record.Channel == message.Channel)
            {
                concerned.Take(message);
            }

            if (message.Body is DeleteBody delete && deletes is not null)
            {
                await deletes.TakeAsync(message, delete, ct);
            }
        }
    }

    private async IAsyncEnumerable<string> ReportAsync(LogInspection log, List<Comparison> all, [EnumeratorCancellation] CancellationToken ct)
    {
        all.ForEach(c => c.Conclude());
        var isDoubtful = all.Exists(c => !c.IsOlder && (c.Difference ?? c.Obstacle) is not null);
        var (now, begin) = isDoubtful ? (await CatalogAsync(ct), (await TryInspectAsync(new PChannel(log.Name), ct))?.TruncatedUntil) : (null, null);
        foreach (var one in all)
        {
            if (one.IsOlder || ((one.Difference ?? one.Obstacle) is not null && one.Start < begin))
            {
                Older += one is SegmentComparison ? 1 : 0;
            }
            else if (one.Difference is { } difference && (now is null || one.IsStill(now)))
            {
                Count(one);
                Differences++;
                yield return $"DIFFERS {one.Name}: {difference}";
            }
            else if (one.Obstacle is { } obstacle && (now is null || one.IsStill(now)))
            {
                Obstructed++;
                yield return $"NOT COMPARED {one.Name}: {obstacle}";
            }
            else if ((one.Difference ?? one.Obstacle) is null)
            {
                Count(one);
            }
        }
    }

    private void Count(Comparison compared)
    {
        Segments += compared is SegmentComparison ? 1 : 0;
        DeleteFiles += compared is DeleteFileComparison ? 1 : 0;
    }

    private async ValueTask<CatalogSnapshot?> CatalogAsync(CancellationToken ct)
    {
        try
        {
            return await metadata(ct) is { } known ? CatalogSnapshot.Of(known) : null;
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
        {
            return null; // named by who reads every record
        }
    }

    private async ValueTask<LogInspection?> TryInspectAsync(PChannel channel, CancellationToken ct)
    {
        try
        {
            return await logs.InspectAsync(channel.Name, ct);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }
}
