using MiniMilvus.Core;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.Simulation.Model;
using MiniMilvus.Simulation.World;

namespace MiniMilvus.Simulation;

/// <summary>The checker that says how many rows the log gave a segment: it must know when it has not been shown all of them.</summary>
public sealed class LogLedgerTests
{
    private static readonly SegmentId s_segment = new(7015);
    private readonly Violations _violations = new(() => "now");
    private readonly LogLedger _ledger;

    public LogLedgerTests() => _ledger = new LogLedger(new PChannel("p_1"), _violations);

    /// <summary>
    /// Found by seed 536165000, when truncated segments began to be kept for a while: a reader saw the segment begin, the next one began behind the
    /// truncation point and saw it end; 9 of its 39 rows had been flushed and truncated in between, and S2 was said to be broken.
    /// </summary>
    [Fact]
    public void A_segment_whose_ends_were_seen_by_readers_that_do_not_meet_was_not_seen_whole()
    {
        Show(LogPosition.Beginning, 0, 1);
        Show(new LogPosition(0, 3), 3, 4);
        Assert.False(_ledger.SawWhole(s_segment));

        // Not until somebody is shown that 2 lies between 1 and 3, and nothing else.
        Show(new LogPosition(0, 2), 2, 3);
        Assert.False(_ledger.SawWhole(s_segment));
        Show(new LogPosition(0, 1), 1, 2);
        Assert.True(_ledger.SawWhole(s_segment));
        Assert.Empty(_violations.Found);
    }

    [Fact]
    public void A_segment_that_one_reader_saw_from_its_first_entry_to_its_last_was_seen_whole()
    {
        Show(LogPosition.Beginning, 0, 1, 2, 3);
        Assert.False(_ledger.SawWhole(s_segment));
        Show(LogPosition.Beginning, 0, 1, 2, 3, 4);
        Assert.True(_ledger.SawWhole(s_segment));
        Assert.Empty(_violations.Found);
    }

    private void Show(LogPosition from, params int[] entries)
    {
        var cursor = _ledger.Open(from);
        foreach (var entry in entries)
        {
            cursor.Take(LogEvent.Of(Message(entry)));
        }
    }

    /// <summary>0 begins the segment, 4 ends it.</summary>
    private static LogMessage Message(int entry) => new()
    {
        Term = new Term(1),
        TimeTick = new Timestamp((ulong)entry + 1),
        CommitTick = new Timestamp((ulong)entry + 1),
        Channel = new VChannel("p_1_1009v0"),
        Position = new LogPosition(0, entry),
        ResumePosition = new LogPosition(0, entry),
        Body = entry == 4 ? new FlushBody(new CollectionId(1009), s_segment) : new CreateSegmentBody(new CollectionId(1009), new PartitionId(1), entry == 0 ? s_segment : new SegmentId(entry), 1),
    };
}
