using MiniMilvus.Core;
using MiniMilvus.Host.Doctor;
using MiniMilvus.Woodpecker;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Tests;

/// <summary>What the doctor says of segments that are to be sealed.</summary>
public sealed class CompactionFindingTests
{
    private static readonly WoodpeckerOptions On = new();

    [Fact]
    public void Segments_on_their_way_are_counted_and_are_no_trouble()
    {
        var finding = CompactionFindings.Of(Log(Swept(3), Sealed(4), Segment(5, "Completed"), Segment(6, "Active")), On)!;
        Assert.Equal((FindingLevel.Ok, "compaction of by-dev_0"), (finding.Level, finding.What));
        Assert.Equal("2 segments sealed, 1 of them with their small blocks still there, 1 finished and not sealed", finding.Found);
        Assert.EndsWith("; compaction is off", CompactionFindings.Of(Log(Segment(5, "Completed")), On with { CompactsSegments = false })!.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void One_that_was_passed_over_is_named()
    {
        var finding = CompactionFindings.Of(Log(Swept(3), Segment(4, "Completed"), Sealed(5), Segment(6, "Completed"), Segment(7, "Active")), On)!;
        Assert.Equal(FindingLevel.Warning, finding.Level);
        Assert.Contains("2 finished and not sealed, of which 4 was passed over", finding.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_said_of_a_log_whose_segments_are_open_or_truncated() =>
        Assert.Null(CompactionFindings.Of(Log(Segment(3, "Truncated"), Segment(4, "Active")), On));

    private static SegmentInspection Swept(long number) => Sealed(number) with { IsSwept = true };

    private static SegmentInspection Sealed(long number) => Segment(number, "Sealed") with { SealedAs = "1-7" };

    private static SegmentInspection Segment(long number, string state) => new(number, state, state == "Active" ? null : new LogPosition(number, 9), 100);

    private static LogInspection Log(params SegmentInspection[] segments) => new("by-dev_0", 3, "w", false, LogPosition.Beginning, new LogPosition(6, 0), segments, []);
}
