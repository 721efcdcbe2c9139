using MiniMilvus.Core;
using MiniMilvus.Host.Doctor;
using MiniMilvus.Woodpecker;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Tests;

/// <summary>What the doctor says of truncated segments that are still there.</summary>
public sealed class CollectionFindingTests
{
    private static readonly DateTimeOffset Truncated = new(2026, 11, 29, 6, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(30, true, "Ok", "retained until 2026-11-29 06:01:00Z")]
    [InlineData(90, true, "Ok", "due since 2026-11-29 06:01:00Z")]
    [InlineData(3600, true, "Warning", "due since 2026-11-29 06:01:00Z")]
    [InlineData(3600, false, "Ok", "no server runs")]
    public void A_truncated_segment_is_told_with_what_keeps_it(int secondsLater, bool isUp, string level, string says)
    {
        var finding = Of(Truncated, secondsLater, isUp)!;
        Assert.Equal(level, finding.Level.ToString());
        Assert.Contains("1 truncated segments, 200 bytes, the oldest (1)", finding.Found, StringComparison.Ordinal);
        Assert.Contains(says, finding.Found, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(90, 1, "Ok", true)]
    [InlineData(3600, 1, "Warning", true)]
    [InlineData(90, 2, "Ok", false)] // it needs none of what waits
    public void A_process_elsewhere_that_reads_it_is_named(int secondsLater, long reads, string level, bool isNamed)
    {
        var finding = Of(Truncated, secondsLater, isUp: true, ("vm/7/x", reads))!;
        Assert.Equal(level, finding.Level.ToString());
        Assert.Equal(isNamed, finding.Found.Contains("held by process vm/7/x, which reads from segment 1", StringComparison.Ordinal));
    }

    [Fact]
    public void Nothing_is_said_where_nothing_waits() => Assert.Null(Of(null, 10, true));

    private static Finding? Of(DateTimeOffset? truncated, int secondsLater, bool isUp, params (string Process, long Segment)[] readers)
    {
        SegmentInspection[] segments =
        [
            new(1, truncated is null ? "Completed" : "Truncated", new LogPosition(1, 60), 200) { TruncatedAt = truncated }, new(2, "Active", null, 300),
        ];
        var log = new LogInspection("by-dev_0", 3, "w", false, new LogPosition(2, 0), new LogPosition(2, 9), segments, []) { Readers = readers };
        return CollectionFindings.Of(log, new WoodpeckerOptions { RetentionTime = TimeSpan.FromMinutes(1) }, isUp, Truncated + TimeSpan.FromSeconds(secondsLater));
    }
}
