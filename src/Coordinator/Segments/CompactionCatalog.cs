using System.Collections.Immutable;
using System.Text;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Coordinator.Segments;

/// <summary>
/// The steps of a compaction in the catalogue: the intent, then the flip of all inputs and the output in one transaction, then, much later, the
/// forgetting. Each is idempotent and compares the caller's term in its transaction (S8, S9).
/// </summary>
internal sealed class CompactionCatalog(IMetaStore meta, TermFence fence, ILogger logger)
{
    public async ValueTask BeginAsync(BeginCompaction commit, CancellationToken ct)
    {
        var term = await fence.OfAsync(commit, ct);
        var key = CatalogKeys.Segment(commit.Output.Collection, commit.Output.Id);
        while (true)
        {
            var parent = await RequirePartitionAsync(commit.Output, ct);
            if (await meta.GetAsync(key, ct) is { } stored)
            {
                _ = CatalogCodec.Segment(stored) is { State: SegmentState.Compacting } known && known.CompactedFrom.SequenceEqual(commit.Output.CompactedFrom)
                    ? known
                    : throw MiniMilvusException.Conflict(ErrorReason.Unspecified, $"segment {commit.Output.Id}: expected a new id for a compaction's output, found one in use");
                return;
            }

            var result = await meta.TransactAsync(
                term.Add(MetaCompare.IsAbsent(key)).Add(new MetaCompare.ModRevision(parent.Key, parent.ModRevision)),
                [new MetaOperation.Put(key, CatalogCodec.Encode(commit.Output with { State = SegmentState.Compacting }))], ct);
            if (result.Succeeded)
            {
                return;
            }

            await fence.RequireAsync(term, ct);
        }
    }

    public async ValueTask CommitAsync(CommitCompaction commit, CancellationToken ct)
    {
        var output = commit.Output;
        var term = await fence.OfAsync(commit, ct);
        var key = CatalogKeys.Segment(output.Collection, output.Id);
        while (true)
        {
            var stored = await meta.GetAsync(key, ct);
            var known = stored is null ? null : CatalogCodec.Segment(stored);
            if (known is not null and not { State: SegmentState.Compacting } && known.ManifestPath == output.ManifestPath && known.CompactedFrom.SequenceEqual(output.CompactedFrom))
            {
                return; // It was committed, and the reply was lost.
            }

            if (known is not { State: SegmentState.Compacting } || !known.CompactedFrom.SequenceEqual(output.CompactedFrom))
            {
                throw MiniMilvusException.Conflict(ErrorReason.Unspecified, $"segment {output.Id}: expected the intent of its compaction, found {known?.State.ToString() ?? "no record"}");
            }

            var parent = await RequirePartitionAsync(output, ct);
            var compares = term.ToBuilder();
            var operations = ImmutableArray.CreateBuilder<MetaOperation>(output.CompactedFrom.Length + 2);
            compares.Add(new MetaCompare.ModRevision(parent.Key, parent.ModRevision));
            compares.Add(new MetaCompare.ModRevision(key, stored!.ModRevision));
            operations.Add(new MetaOperation.Put(key, CatalogCodec.Encode(output)));
            foreach (var id in output.CompactedFrom)
            {
                var entry = await RequireInputAsync(output, id, ct);
                compares.Add(new MetaCompare.ModRevision(entry.Key, entry.ModRevision));
                operations.Add(new MetaOperation.Put(entry.Key, CatalogCodec.Encode(
                    CatalogCodec.Segment(entry) with { State = SegmentState.Compacted, CompactedTo = output.Id, CompactedAt = output.CompactedAt })));
            }

            if (commit.Request != 0 && await meta.GetAsync(CatalogKeys.Compaction(output.Collection, commit.Request), ct) is { } request)
            {
                compares.Add(new MetaCompare.ModRevision(request.Key, request.ModRevision));
                operations.Add(new MetaOperation.Put(request.Key, Ended(request, output.CompactedFrom, CompactionPlanState.Completed, output.State == SegmentState.Flushed ? output.Id : SegmentId.None)));
            }

            var result = await meta.TransactAsync(compares.ToImmutable(), operations.ToImmutable(), ct);
            if (result.Succeeded)
            {
                Log.SegmentsCompacted(logger, output.Id, output.CompactedFrom.Length, output.Rows);
                return;
            }

            await fence.RequireAsync(term, ct);
        }
    }

    public async ValueTask EndPlanAsync(EndCompactionPlan commit, CancellationToken ct)
    {
        var term = await fence.OfAsync(commit, ct);
        while (await meta.GetAsync(CatalogKeys.Compaction(commit.Collection, commit.Request), ct) is { } request)
        {
            var result = await meta.TransactAsync(
                term.Add(new MetaCompare.ModRevision(request.Key, request.ModRevision)),
                [new MetaOperation.Put(request.Key, Ended(request, commit.Inputs, commit.State, SegmentId.None))], ct);
            if (result.Succeeded)
            {
                return;
            }

            await fence.RequireAsync(term, ct);
        }
    }

    public async ValueTask ForgetAsync(ForgetSegments commit, CancellationToken ct)
    {
        var term = await fence.OfAsync(commit, ct);
        var needed = await LowestNeededAsync(commit.Channel, ct);
        foreach (var id in commit.Segments)
        {
            while (await meta.GetAsync(CatalogKeys.Segment(commit.Collection, id), ct) is { } entry && CanForget(CatalogCodec.Segment(entry), commit.Channel, needed))
            {
                var result = await meta.TransactAsync(term.Add(new MetaCompare.ModRevision(entry.Key, entry.ModRevision)), [new MetaOperation.Delete(entry.Key)], ct);
                if (result.Succeeded)
                {
                    Log.SegmentForgotten(logger, id);
                    break;
                }

                await fence.RequireAsync(term, ct);
            }
        }
    }

    public async ValueTask DiscardDeletesAsync(DiscardDeletes commit, CancellationToken ct)
    {
        var term = await fence.OfAsync(commit, ct);
        foreach (var id in commit.Files)
        {
            var result = await meta.TransactAsync(term, [new MetaOperation.Delete(CatalogKeys.DeleteFile(commit.Collection, commit.Channel, id))], ct);
            if (!result.Succeeded)
            {
                await fence.RequireAsync(term, ct);
                throw MiniMilvusException.Unavailable($"delete file {id} of {commit.Channel} was not discarded; try again");
            }
        }
    }

    /// <summary>The lowest position from which anybody may still read the channel's messages: the checkpoint, and every live reader (S3).</summary>
    private async ValueTask<LogPosition> LowestNeededAsync(VChannel channel, CancellationToken ct)
    {
        var lowest = await meta.GetAsync(CatalogKeys.Checkpoint(channel), ct) is { } checkpoint ? CatalogCodec.Checkpoint(checkpoint).Position : LogPosition.Beginning;
        foreach (var reader in (await meta.RangeAsync(CatalogKeys.Readers(channel.PChannel), ct)).Entries)
        {
            lowest = LogPosition.Min(lowest, LogPosition.Parse(Encoding.ASCII.GetString(reader.Value.Span)));
        }

        return lowest;
    }

    // S8: an input stays known as compacted until no replay can reach its rows. An intent never had any in the log.
    private static bool CanForget(SegmentRecord segment, VChannel channel, LogPosition needed) => segment.Channel == channel && segment.State switch
    {
        SegmentState.Compacting => true,
        SegmentState.Compacted => segment.End <= needed,
        SegmentState.Dropped => !segment.CompactedFrom.IsEmpty && segment.End <= needed,
        _ => false,
    };

    private async ValueTask<MetaEntry> RequirePartitionAsync(SegmentRecord output, CancellationToken ct) =>
        await meta.GetAsync(CatalogKeys.Collection(output.Collection), ct) is { } parent && CatalogCodec.Collection(parent) is { State: DdlState.Created } collection
            && collection.Partitions.Any(p => p.Id == output.Partition && p.State == DdlState.Created)
                ? parent
                : throw MiniMilvusException.NotFound(ErrorReason.PartitionNotFound, $"segment {output.Id}: its partition {output.Partition} has been dropped");

    private async ValueTask<MetaEntry> RequireInputAsync(SegmentRecord output, SegmentId id, CancellationToken ct)
    {
        var entry = await meta.GetAsync(CatalogKeys.Segment(output.Collection, id), ct);
        var found = entry is null ? null : CatalogCodec.Segment(entry);
        return found is { State: SegmentState.Flushed } && found.Channel == output.Channel && found.Partition == output.Partition
            ? entry!
            : throw MiniMilvusException.Conflict(ErrorReason.Unspecified, $"segment {output.Id}: expected its input {id} to be flushed, found {found?.State.ToString() ?? "no record"}");
    }

    private static ReadOnlyMemory<byte> Ended(MetaEntry request, ImmutableArray<SegmentId> inputs, CompactionPlanState state, SegmentId output)
    {
        var record = CatalogCodec.Compaction(request);
        var plans = record.Plans.Select(p => p.State == CompactionPlanState.Executing && p.Inputs.ToHashSet().SetEquals(inputs) ? p with { State = state, Output = output } : p);
        return CatalogCodec.Encode(record with { Plans = [.. plans] });
    }
}
