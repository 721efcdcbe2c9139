using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Storage.Compaction;

/// <summary>Flushed segments of one shard, partition and schema version that are to become one.</summary>
public sealed record PlannedCompaction(VChannel Channel, PartitionId Partition, ImmutableArray<SegmentRecord> Inputs);

/// <summary>
/// Decides which segments are compacted: those that have lost many rows are rewritten, small ones are merged, and what is rewritten takes small ones
/// along. No segment is in two plans, and no output is larger than allowed, a lone segment's aside.
/// </summary>
public static class CompactionPlanner
{
    /// <param name="segments">Flushed ones that nothing else works on.</param>
    /// <param name="isRewritten">Whether so much of a segment is deleted that it is worth a rewrite.</param>
    /// <param name="isForced">Somebody asked: two small segments are enough.</param>
    public static IEnumerable<PlannedCompaction> Plan(IEnumerable<SegmentRecord> segments, CompactionOptions options, Func<SegmentRecord, bool> isRewritten, bool isForced)
    {
        var groups = segments.Where(s => s.State == SegmentState.Flushed).GroupBy(s => (s.Channel, s.Partition, s.SchemaVersion))
            .OrderBy(g => g.Key.Channel.Name, StringComparer.Ordinal).ThenBy(g => g.Key.Partition).ThenBy(g => g.Key.SchemaVersion);
        foreach (var group in groups)
        {
            var small = new List<SegmentRecord>();
            var rewritten = new List<SegmentRecord>();
            foreach (var segment in group.OrderByDescending(s => Fill(s, options)).ThenBy(s => s.Id))
            {
                if (isRewritten(segment))
                {
                    rewritten.Add(segment);
                }
                else if (Fill(segment, options) < options.SmallProportion)
                {
                    small.Add(segment);
                }
            }

            foreach (var first in rewritten)
            {
                yield return Of(group.Key.Channel, group.Key.Partition, Pack(first, small, options));
            }

            while (small.Count > 1)
            {
                var first = small[0];
                small.RemoveAt(0);
                var bucket = Pack(first, small, options);
                var isWorth = bucket.Count >= options.SegmentsMin || (bucket.Count > 1 && (isForced || bucket.Sum(s => Fill(s, options)) >= options.CompactableProportion));
                if (isWorth)
                {
                    yield return Of(group.Key.Channel, group.Key.Partition, bucket);
                }
            }
        }
    }

    /// <summary>The delete files whose every delete is old enough to be applied in the files themselves: a prefix, in the order of the log.</summary>
    public static IEnumerable<DeleteFileRecord> Retained(IEnumerable<DeleteFileRecord> files, Timestamp horizon) =>
        files.OrderBy(f => f.From).TakeWhile(f => f.MaxTick <= horizon);

    /// <summary>Whether a delete of the file may touch a row of the segment.</summary>
    public static bool Concerns(DeleteFileRecord file, SegmentRecord segment) => file.Until > segment.DeletesUntil && file.MaxTick > segment.MinTick;

    // The bucket takes what it contains out of the small ones.
    private static List<SegmentRecord> Pack(SegmentRecord first, List<SegmentRecord> small, CompactionOptions options)
    {
        var bucket = new List<SegmentRecord> { first };
        var (bytes, rows) = (first.Bytes, first.Rows);
        for (var i = 0; i < small.Count && bucket.Count < options.SegmentsMax;)
        {
            var next = small[i];
            if (bytes + next.Bytes > options.SegmentBytesMax || rows + next.Rows > options.SegmentRowsMax)
            {
                i++;
                continue;
            }

            (bytes, rows) = (bytes + next.Bytes, rows + next.Rows);
            bucket.Add(next);
            small.RemoveAt(i);
        }

        return bucket;
    }

    private static PlannedCompaction Of(VChannel channel, PartitionId partition, List<SegmentRecord> inputs) =>
        new(channel, partition, [.. inputs.OrderBy(s => s.MinTick).ThenBy(s => s.Id)]);

    private static double Fill(SegmentRecord segment, CompactionOptions options) =>
        Math.Max((double)segment.Bytes / options.SegmentBytesMax, (double)segment.Rows / options.SegmentRowsMax);
}
