using System.Collections.Immutable;
using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Host.Cli;
using MiniMilvus.Host.Doctor;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Tests;

/// <summary>Who holds a channel's term, and what holds a log back, as the catalogue tells.</summary>
public sealed class CatalogFindingTests
{
    private const string Log = "by-dev_0";
    private static readonly VChannel Shard = new("by-dev_0_7v0");
    private static readonly Dictionary<string, long?> AtThree = new() { [Log] = 3 };

    [Fact]
    public void A_channel_with_a_living_owner_at_its_term_is_well()
    {
        var finding = Assert.Single(ChannelFindings.Of(Catalog(Assigned(3, 5), Session(5)), isUp: true, AtThree));
        Assert.Equal((FindingLevel.Ok, $"channel {Log}"), (finding.Level, finding.What));
        Assert.Contains("node 5 at host:1 holds term 3, its session is alive; its log is at epoch 3", finding.Found, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, false, 3L, "Problem")]  // its session has ended
    [InlineData(false, true, 3L, "Ok")]       // nobody runs: what the session says is old
    [InlineData(true, true, 2L, "Warning")]   // not opened yet
    [InlineData(true, true, 4L, "Problem")]   // the log knows a term that the metadata does not
    [InlineData(false, false, 4L, "Problem")]
    public void A_channel_is_judged_by_session_and_epoch(bool isUp, bool hasSession, long epoch, string expected)
    {
        var entries = new List<MetaEntry> { Assigned(3, 5) };
        entries.AddRange(hasSession ? [Session(5)] : []);
        var finding = Assert.Single(ChannelFindings.Of(Catalog([.. entries]), isUp, new Dictionary<string, long?> { [Log] = epoch }));
        Assert.Equal(expected, finding.Level.ToString());
    }

    [Fact]
    public void A_running_coordinator_without_any_owner_is_a_problem()
    {
        Assert.Equal(FindingLevel.Problem, Assert.Single(ChannelFindings.Of(Catalog(), isUp: true, new Dictionary<string, long?>())).Level);
        Assert.Empty(ChannelFindings.Of(Catalog(), isUp: false, new Dictionary<string, long?>()));
    }

    [Fact]
    public void The_lowest_consumer_holds_the_log_and_is_named_with_what_it_holds()
    {
        var growing = Truncation([Collection(), Checkpoint(1, 40), Growing(11, 1, 30), Reader(6, 2, 0), Session(6)], 10_000);
        Assert.Equal((FindingLevel.Ok, $"truncation of {Log}"), (growing.Level, growing.What));
        Assert.Contains("held at 1/40 of 3/9 by the flush checkpoint of 'books', shard by-dev_0_7v0, growing segment 11 (from 1/30) is not flushed: 2 segments and the open one, 700 bytes", growing.Found, StringComparison.Ordinal);

        var deletes = Truncation([Collection(), Checkpoint(1, 40), Reader(6, 2, 0), Session(6)], 10_000);
        Assert.Contains("the flush and delete checkpoint of 'books'", deletes.Found, StringComparison.Ordinal);

        var reader = Truncation([Collection(), Checkpoint(2, 50), Reader(6, 2, 5), Session(6)], 10_000);
        Assert.Contains("held at 2/5 of 3/9 by the reader of node 6, a querynode at host:1 that has not read on: 1 segment and the open one, 500 bytes", reader.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reader_of_a_server_that_is_down_is_not_said_to_lag() => Assert.Contains(
        "held at 2/5 of 3/9 by the reader of node 6, a querynode of the last run",
        Truncation([Collection(), Checkpoint(3, 9), Reader(6, 2, 5), Session(6)], 10_000, isUp: false).Found, StringComparison.Ordinal);

    [Fact]
    public void A_shard_without_a_checkpoint_holds_everything()
    {
        var finding = Truncation([Collection()], 10_000);
        Assert.Contains("held at 0/0", finding.Found, StringComparison.Ordinal);
        Assert.Contains("none has been made yet", finding.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reader_whose_node_is_gone_is_a_warning() =>
        Assert.Equal(FindingLevel.Warning, Truncation([Collection(), Checkpoint(3, 9), Reader(6, 2, 5)], 10_000).Level);

    [Theory]
    [InlineData(1402, "Ok")]
    [InlineData(1400, "Warning")]
    [InlineData(700, "Problem")]
    public void What_is_held_is_judged_by_where_appends_are_refused(long limit, string expected) =>
        Assert.Equal(expected, Truncation([Collection(), Checkpoint(1, 40)], limit).Level.ToString());

    [Theory]
    [InlineData(1000, false)]
    [InlineData(900, true)]
    public void What_is_held_is_judged_by_where_appends_are_slowed(long limit, bool isSlowed)
    {
        var finding = Truncation([Collection(), Checkpoint(1, 40)], limit);
        Assert.Equal(FindingLevel.Warning, finding.Level);
        Assert.Equal(isSlowed, finding.Expected!.Contains("above which appends are slowed", StringComparison.Ordinal));
    }

    [Fact]
    public void Consumers_that_have_come_to_the_end_hold_nothing()
    {
        Assert.Contains("nothing holds it", Truncation([Collection(), Checkpoint(3, 9)], 1).Found, StringComparison.Ordinal);
        Assert.Contains("nobody reads it", Truncation([], 1).Found, StringComparison.Ordinal);
    }

    [Fact]
    public void Checkpoints_of_a_log_say_how_far_it_was_confirmed()
    {
        var known = new MetaRange([Checkpoint(2, 7), Entry("checkpoints/other_9v0", "{ damaged"u8.ToArray())], 1);
        Assert.Equal(new LogPosition(2, 7), MetadataView.ConsumedOf(known, Log));
        Assert.Equal(LogPosition.Beginning, MetadataView.ConsumedOf(known, "other"));
    }

    /// <summary>Segments 0 to 3 of 100, 200, 300 and 200 bytes, the first truncated and gone, the last open.</summary>
    private static Finding Truncation(MetaEntry[] entries, long limit, bool isUp = true)
    {
        SegmentInspection[] segments =
        [
            new(1, "Completed", new LogPosition(1, 60), 200), new(2, "Completed", new LogPosition(2, 60), 300), new(3, "Active", null, 200),
        ];
        var log = new LogInspection(Log, 3, "w", false, new LogPosition(1, 0), new LogPosition(3, 9), segments, []);
        return TruncationFindings.Of(log, Catalog(entries), new MetaRange([.. entries], 1), isUp, Watermarks.Of(limit, 0.75));
    }

    private static CatalogSnapshot Catalog(params MetaEntry[] entries) => CatalogSnapshot.Of(new MetaRange([.. entries], 1));

    private static MetaEntry Assigned(long term, long node) =>
        Entry(CatalogKeys.Assignment(new PChannel(Log)), CatalogCodec.Encode(new ChannelAssignment(new PChannel(Log), new Term(term), node, "host:1")));

    private static MetaEntry Session(long node) => Entry(CatalogKeys.Session(node), CatalogCodec.Encode(new NodeSession(node, "querynode", "host:1")));

    private static MetaEntry Checkpoint(long segment, long entry) =>
        Entry(CatalogKeys.Checkpoint(Shard), CatalogCodec.Encode(new ChannelCheckpoint(Shard, new LogPosition(segment, entry), Timestamp.Zero, new Term(2))));

    private static MetaEntry Reader(long node, long segment, long entry) => Entry(CatalogKeys.Reader(new PChannel(Log), node), Encoding.ASCII.GetBytes($"{segment}/{entry}"));

    private static MetaEntry Growing(long id, long segment, long entry) => Entry(CatalogKeys.Segment(new CollectionId(7), new SegmentId(id)), CatalogCodec.Encode(new SegmentRecord
    {
        Id = new SegmentId(id), Collection = new CollectionId(7), Partition = new PartitionId(1), Channel = Shard, State = SegmentState.Growing, Start = new LogPosition(segment, entry),
    }));

    private static MetaEntry Collection() => Entry(CatalogKeys.Collection(new CollectionId(7)), CatalogCodec.Encode(new CollectionRecord
    {
        Id = new CollectionId(7), Database = "default", Name = "books", State = DdlState.Created, Channels = [Shard], Partitions = [],
        Schema = new CollectionSchema { Name = "books", Fields = [] }, CreatedAt = Timestamp.Zero, UpdatedAt = Timestamp.Zero,
    }));

    private static MetaEntry Entry(string key, ReadOnlyMemory<byte> value) => new(key, value, 1, 1, 1, 0);
}
