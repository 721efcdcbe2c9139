using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Compaction;

namespace MiniMilvus.Storage.Tests.Compaction;

public sealed class CompactionPlannerTests
{
    private static readonly CompactionOptions Options = new() { SegmentBytesMax = 1000, SegmentRowsMax = 100, SegmentsMin = 3, SegmentsMax = 5 };

    [Fact]
    public void Plans_keep_to_the_bounds_and_never_share_a_segment_nor_mix_what_must_be_apart()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var segments = Enumerable.Range(1, random.Next(1, 40)).Select(id => Segment(id, random.Next(1, 1400), random.Next(1, 140), $"p_1v{random.Next(2)}", random.Next(2))).ToList();
            var worn = segments.Where(_ => random.Next(6) == 0).Select(s => s.Id).ToHashSet();
            var isForced = random.Next(2) == 0;
            var plans = CompactionPlanner.Plan(segments, Options, s => worn.Contains(s.Id), isForced).ToList();
            var used = plans.SelectMany(p => p.Inputs).Select(s => s.Id).ToList();
            Assert.Equal(used.Count, used.Distinct().Count());
            Assert.Subset(used.ToHashSet(), worn);
            foreach (var plan in plans)
            {
                Assert.InRange(plan.Inputs.Length, 1, Options.SegmentsMax);
                Assert.Single(plan.Inputs.Select(s => (s.Channel, s.Partition, s.SchemaVersion)).Distinct());
                Assert.True(plan.Inputs.Length == 1 || (plan.Inputs.Sum(s => s.Bytes) <= Options.SegmentBytesMax && plan.Inputs.Sum(s => s.Rows) <= Options.SegmentRowsMax));
                var isWorn = plan.Inputs.Any(s => worn.Contains(s.Id));
                var fill = plan.Inputs.Sum(s => Math.Max(s.Bytes / 1000.0, s.Rows / 100.0));
                Assert.True(isWorn || plan.Inputs.Length >= 3 || (plan.Inputs.Length == 2 && (isForced || fill >= Options.CompactableProportion)), $"seed {seed}: {plan.Inputs.Length} inputs that fill {fill}");
                Assert.All(plan.Inputs, s => Assert.True(worn.Contains(s.Id) || (s.Bytes < 500 && s.Rows < 50), $"seed {seed}: {s.Bytes} bytes and {s.Rows} rows are not small"));
            }
        }
    }

    [Fact]
    public void What_was_merged_to_the_full_is_not_planned_again()
    {
        var full = Segment(1, 900, 90, "p_1v0", 0);
        Assert.Empty(CompactionPlanner.Plan([full, Segment(2, 10, 1, "p_1v0", 0)], Options, _ => false, isForced: true));
    }

    [Fact]
    public void Only_delete_files_before_the_first_young_one_are_applied_for_good()
    {
        DeleteFileRecord File(long id, long from, ulong tick) => new(id, new VChannel("p_1v0"), new CollectionId(1), "", 1, new LogPosition(0, from), new LogPosition(0, from + 10), new Timestamp(tick));
        var files = new[] { File(3, 20, 30), File(1, 0, 10), File(2, 10, 20) };
        Assert.Equal([1, 2], CompactionPlanner.Retained(files, new Timestamp(20)).Select(f => f.Id));
        Assert.Empty(CompactionPlanner.Retained(files, new Timestamp(9)));
        var segment = Segment(1, 1, 1, "p_1v0", 0) with { MinTick = new Timestamp(15), DeletesUntil = new LogPosition(0, 20) };
        Assert.Equal([false, false, true], new[] { 1L, 2, 3 }.Select(id => CompactionPlanner.Concerns(files.Single(f => f.Id == id), segment)));
    }

    private static SegmentRecord Segment(long id, long bytes, long rows, string channel, long partition) => new()
    {
        Id = new SegmentId(id), Collection = new CollectionId(1), Partition = new PartitionId(partition), Channel = new VChannel(channel), State = SegmentState.Flushed, Bytes = bytes, Rows = rows,
    };
}
