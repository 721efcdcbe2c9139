using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Compaction;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Coordinator.Ddl;

/// <summary>
/// A compaction that somebody asks for: planned here, written down, carried out by the data nodes of the shards, which write down what came of it.
/// Every segment that lost rows for good is rewritten, and small ones are merged by twos already.
/// </summary>
internal sealed class CompactionDdl(DdlContext context, CompactionOptions options, RetentionOptions retention)
{
    /// <summary>Of each collection: requests under way at a time, and answered ones that stay known.</summary>
    private const int RecordsKept = 32;

    public async ValueTask<long> CompactAsync(CompactCollection command, CancellationToken ct)
    {
        var (record, entry) = await context.RequireAsync(command.Database, command.Name, ct);
        if (!options.IsEnabled)
        {
            throw MiniMilvusException.Invalid("compaction is off: see the setting DataCoord:EnableCompaction");
        }

        var key = CatalogKeys.Compaction(record.Id, command.Id);
        if (await context.Meta.GetAsync(key, ct) is { } known)
        {
            return known.ModRevision;
        }

        var earlier = (await context.Meta.RangeAsync(CatalogKeys.Compactions(record.Id), ct)).Entries.Select(e => (e.Key, Record: CatalogCodec.Compaction(e))).ToList();
        if (earlier.Count(e => !e.Record.IsCompleted) >= RecordsKept)
        {
            throw MiniMilvusException.Unavailable(ErrorReason.RateLimited, $"collection '{record.Name}': {RecordsKept} compactions are under way already; try again when one has ended");
        }

        var now = await context.NowAsync(ct);
        var planned = await PlanAsync(record, command, now.Minus(retention.RetentionDuration), ct);
        var compaction = new CompactionRecord(
            command.Id, record.Id, now, [.. planned.Select(p => new CompactionPlan(p.Channel, p.Partition, [.. p.Inputs.Select(s => s.Id)], CompactionPlanState.Executing, SegmentId.None))]);
        var old = earlier
            .Where(e => e.Record.IsCompleted).OrderByDescending(e => e.Record.Id).Skip(RecordsKept - 1).Take(RecordsKept).ToList();
        var result = await context.Meta.TransactAsync(
            [MetaCompare.IsAbsent(key), new MetaCompare.CreateRevision(entry.Key, entry.CreateRevision)],
            [new MetaOperation.Put(key, CatalogCodec.Encode(compaction)), .. old.Select(e => new MetaOperation.Delete(e.Key))], ct);
        return result.Succeeded ? result.Revision : throw MiniMilvusException.Unavailable($"collection '{record.Name}' was changed by somebody else at the same time; try again");
    }

    private async ValueTask<List<PlannedCompaction>> PlanAsync(CollectionRecord collection, CompactCollection command, Timestamp horizon, CancellationToken ct)
    {
        var partitions = collection.Partitions.Where(p => p.State == DdlState.Created).Select(p => p.Id).ToHashSet();
        var segments = (await context.Meta.RangeAsync(CatalogKeys.Segments(collection.Id), ct)).Entries.Select(e => CatalogCodec.Segment(e)).Where(s =>
            s.State == SegmentState.Flushed && partitions.Contains(s.Partition)
            && (command.Partition == PartitionId.All || s.Partition == command.Partition)
            && (command.Channel.Length == 0 || s.Channel.Name == command.Channel)
            && (command.Segments.IsDefaultOrEmpty || command.Segments.Contains(s.Id))).ToList();
        var files = (await context.Meta.RangeAsync(CatalogKeys.DeleteFiles(collection.Id), ct)).Entries.Select(e => CatalogCodec.DeleteFile(e)).GroupBy(f => f.Channel)
            .ToDictionary(g => g.Key, g => CompactionPlanner.Retained(g, horizon).ToList());
        return [.. CompactionPlanner.Plan(segments, options, s => files.TryGetValue(s.Channel, out var of) && of.Any(f => CompactionPlanner.Concerns(f, s)), isForced: true)];
    }
}
