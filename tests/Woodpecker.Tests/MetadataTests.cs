using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>The log's decisions are compare-and-sets (W4, W9): a writer that stalled between its look and its write decides nothing any more.</summary>
public sealed class MetadataTests
{
    private const string Log = TestLog.Name;
    private static readonly CancellationToken Never = CancellationToken.None;
    private static readonly WoodpeckerOptions Options = TestLog.Small with { MetadataRetryDelay = TimeSpan.FromMilliseconds(1) };
    private readonly WatchedMeta _store = new();

    [Fact]
    public async Task An_epoch_only_rises()
    {
        await CreateAsync("first", term: 5);
        foreach (var term in new[] { 5, 4 })
        {
            await FencedAsync(() => Writer("second").RaiseEpochAsync(Log, new Term(term), Never).AsTask());
        }

        var record = (await Writer("second").GetLogAsync(Log, Never)).Record;
        Assert.Equal((5, "first"), (record.Epoch, record.WriterId));
    }

    [Fact]
    public void A_record_says_its_version_and_a_newer_one_is_refused_by_it()
    {
        var written = Encoding.UTF8.GetString(RecordJson.Write(new LogRecord(3, "w", 1, 2, false)));
        Assert.StartsWith("{\"version\":1,", written, StringComparison.Ordinal);
        var older = Encoding.UTF8.GetBytes(written.Replace("\"version\":1,", "", StringComparison.Ordinal));
        Assert.Equal(new LogRecord(3, "w", 1, 2, false), RecordJson.ReadLog("here", older));

        Refused("{\"version\":2,\"epoch\":3,\"writerId\":\"w\",\"truncatedSegment\":0,\"truncatedEntry\":0,\"deleted\":false}", bytes => RecordJson.ReadLog("here", bytes));
        Refused("{\"version\":2,\"number\":3,\"state\":\"Active\",\"lastEntry\":-1,\"epoch\":1,\"writerId\":\"w\"}", bytes => RecordJson.ReadSegment("here", bytes));
        Refused("{\"version\":2,\"epoch\":3,\"writerId\":\"w\",\"taken\":1,\"segment\":0,\"entries\":0,\"blocks\":0}", bytes => LockJson.Read("here", bytes));

        static void Refused(string json, Func<byte[], object> read)
        {
            var e = Assert.Throws<MiniMilvusException>(() => read(Encoding.UTF8.GetBytes(json)));
            Assert.Equal((ErrorKind.Corrupted, "metadata here: expected a record of version 1 to 1, found version 2"), (e.Kind, e.Message));
        }
    }

    [Fact]
    public async Task The_end_of_a_segment_is_decided_once_also_by_a_writer_that_stalled()
    {
        var old = await CreateAsync("old", term: 1);
        await old.CreateSegmentAsync(Log, new Term(1), 0, Never);
        var next = Writer("next");
        _store.Stall(LogKeys.Segment(Log, 0), async () =>
        {
            await next.RaiseEpochAsync(Log, new Term(2), Never);
            await next.CompleteSegmentAsync(Log, new Term(2), 0, 3, Never);
        });
        await FencedAsync(() => old.CompleteSegmentAsync(Log, new Term(1), 0, 5, Never).AsTask());
        Assert.Equal(2, (await next.FindSegmentAsync(Log, 0, Never))!.Value.Record.LastEntry);
    }

    [Fact]
    public async Task A_segment_that_has_an_end_keeps_it()
    {
        var writer = await CreateAsync("writer", term: 1);
        await writer.CreateSegmentAsync(Log, new Term(1), 0, Never);
        await writer.CompleteSegmentAsync(Log, new Term(1), 0, 3, Never);
        await FencedAsync(() => writer.CompleteSegmentAsync(Log, new Term(1), 0, 4, Never).AsTask());
        Assert.Equal(2, (await writer.FindSegmentAsync(Log, 0, Never))!.Value.Record.LastEntry);
    }

    [Fact]
    public async Task A_writer_that_stalled_creates_no_segment_in_a_newer_term()
    {
        var old = await CreateAsync("old", term: 1);
        var next = Writer("next");
        _store.Stall(LogKeys.Segment(Log, 0), async () => await next.RaiseEpochAsync(Log, new Term(2), Never));
        await FencedAsync(() => old.CreateSegmentAsync(Log, new Term(1), 0, Never).AsTask());
        Assert.Null(await next.FindSegmentAsync(Log, 0, Never));
    }

    [Fact]
    public async Task A_write_whose_reply_was_lost_is_recognised()
    {
        var writer = Writer("writer");
        _store.LoseNextReply = true;
        Assert.True(await writer.TryCreateLogAsync(Log, Never));
        _store.LoseNextReply = true;
        Assert.Equal(1, (await writer.RaiseEpochAsync(Log, new Term(1), Never)).Epoch);
        _store.LoseNextReply = true;
        Assert.True(await writer.CreateSegmentAsync(Log, new Term(1), 0, Never));
        _store.LoseNextReply = true;
        Assert.True(await writer.CompleteSegmentAsync(Log, new Term(1), 0, 3, Never));
        Assert.False(_store.LoseNextReply);
    }

    /// <summary>W15.</summary>
    [Fact]
    public async Task Nothing_of_the_next_segment_is_acked_before_the_end_of_the_last_is_decided()
    {
        var disk = new SimulatedDisk(TimeProvider.System, 1);
        var log = new LocalWoodpecker(disk.Mount(), _store, Options with { SegmentBytesMax = 200 }, TimeProvider.System, NoStations.Instance, "writer");
        await log.CreateAsync(Log, Never);
        var writer = await log.OpenWriterAsync(Log, new Term(1), Never);
        Assert.Equal(new LogPosition(0, 0), await TestLog.AppendAsync(writer, 0, 150));

        // An ack that came early would come within that time; one in its order has to wait for it.
        var isEarly = false;
        var next = new TaskCompletionSource<PendingAppend>();
        _store.Stall(LogKeys.Segment(Log, 0), async () =>
        {
            var append = await next.Task;
            isEarly = await Task.WhenAny(append.Durable, Task.Delay(200)) == append.Durable;
        });
        next.SetResult(await writer.EnqueueAsync(TestLog.Entry(1, 150), Never));
        var placed = await next.Task;
        Assert.Equal(new LogPosition(1, 0), placed.Position);
        await placed.Durable;
        await writer.DisposeAsync();
        Assert.False(isEarly);
    }

    private LogMetadata Writer(string id) => new(_store, Options, TimeProvider.System, id);

    private async Task<LogMetadata> CreateAsync(string id, long term)
    {
        var writer = Writer(id);
        await writer.TryCreateLogAsync(Log, Never);
        await writer.RaiseEpochAsync(Log, new Term(term), Never);
        return writer;
    }

    private static async Task FencedAsync(Func<Task> call) =>
        Assert.Equal(ErrorKind.Fenced, (await Assert.ThrowsAsync<MiniMilvusException>(call)).Kind);
}
