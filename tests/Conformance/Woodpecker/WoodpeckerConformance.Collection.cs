using System.Text;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Conformance.Woodpecker;

/// <summary>Collection of what was truncated (W12): below the truncation point, below every live reader, past the retention time, and nothing else.</summary>
public abstract partial class WoodpeckerConformance
{
    private static readonly TimeSpan Retention = TimeSpan.FromHours(72);

    private static WoodpeckerOptions Retaining => Options with { SegmentBytesMax = 1000, RetentionTime = Retention, CollectionPause = TimeSpan.Zero, TailBytesMax = 0, CompactsSegments = false };

    [Fact]
    public async Task A_truncated_segment_is_kept_for_the_retention_time_and_then_goes()
    {
        var time = Frozen();
        var (log, writer) = await RolledAsync();
        var until = new LogPosition(3, 1);
        await log.TruncateAsync(Log, until, Never);
        time.Advance(Retention - TimeSpan.FromTicks(1));
        await log.CollectAsync(Log, Never);
        Assert.Equal(Segments(0, writer), await KeptAsync(log));
        Assert.Equal((3, true), (log.Backlog.Segments, log.Backlog.Bytes > 3 * 500));
        Assert.Equal(Retention - TimeSpan.FromTicks(1), log.Backlog.Oldest);

        // Truncated later, so kept longer.
        await log.TruncateAsync(Log, new LogPosition(4, 0), Never);
        time.Advance(TimeSpan.FromTicks(1));
        await log.CollectAsync(Log, Never);
        Assert.Equal(Segments(3, writer), await KeptAsync(log));
        Assert.Equal(1, log.Backlog.Segments);
        time.Advance(Retention);
        await log.CollectAsync(Log, Never);
        Assert.Equal(Segments(4, writer), await KeptAsync(log));
        Assert.Equal((0, 0L, TimeSpan.Zero, 0), ((int)log.Backlog.Segments, log.Backlog.Bytes, log.Backlog.Oldest, log.Backlog.Failed));
    }

    [Fact]
    public async Task Nothing_at_or_above_the_truncation_point_is_collected()
    {
        var time = Frozen();
        var (log, writer) = await RolledAsync();
        var all = await ReadAsync(log, LogPosition.Beginning, writer.Confirmed);
        time.Advance(Retention * 10);
        await log.CollectAsync(Log, Never);
        Assert.Equal(Segments(0, writer), await KeptAsync(log));
        var until = all.First(e => e.Position.Segment == 2 && e.Position.Entry > 0).Position;
        await log.TruncateAsync(Log, until, Never);
        time.Advance(Retention * 10);
        await log.CollectAsync(Log, Never);
        Assert.Equal(Segments(2, writer), await KeptAsync(log));
        foreach (var reader in new[] { log, Begin() })
        {
            Assert.Equal(all.Where(e => e.Position >= until).Select(Number), await NumbersAsync(reader, LogPosition.Beginning, writer.Confirmed));
        }
    }

    [Fact]
    public async Task A_reading_under_way_is_spared_and_comes_to_its_end()
    {
        var time = Frozen();
        var (log, writer) = await RolledAsync();
        var all = await NumbersAsync(log, LogPosition.Beginning, writer.Confirmed);
        await using (var reading = log.ReadAsync(Log, LogPosition.Beginning, writer.Confirmed, Never).GetAsyncEnumerator())
        {
            var read = new List<int>();
            while (read.Count < all.Count / 2 && await reading.MoveNextAsync())
            {
                read.Add(Number(reading.Current));
            }

            var stands = reading.Current.Position.Segment;
            Assert.True(stands > 1, $"stands in {stands}");
            await log.TruncateAsync(Log, writer.Confirmed, Never);
            time.Advance(Retention * 2);
            await log.CollectAsync(Log, Never);
            Assert.Equal(Segments(stands, writer), await KeptAsync(log));

            // Another that begins below the point is refused, whether its bytes are there or not.
            await Expect.KindAsync(ErrorKind.NotFound, () => NumbersAsync(log, new LogPosition(stands, 1), writer.Confirmed));
            while (await reading.MoveNextAsync())
            {
                read.Add(Number(reading.Current));
            }

            Assert.Equal(all, read);
        }

        await log.CollectAsync(Log, Never);
        Assert.Equal(Segments(writer.Confirmed.Segment, writer), await KeptAsync(log));
    }

    [Fact]
    public async Task A_reading_in_another_process_is_spared_too_and_comes_to_its_end()
    {
        var time = Frozen();
        var (log, writer) = await RolledAsync();
        var all = await NumbersAsync(log, LogPosition.Beginning, writer.Confirmed);
        var elsewhere = Begin();
        await using (var reading = elsewhere.ReadAsync(Log, LogPosition.Beginning, writer.Confirmed, Never).GetAsyncEnumerator())
        {
            Assert.True(await reading.MoveNextAsync());
            var read = new List<int> { Number(reading.Current) };
            await log.TruncateAsync(Log, writer.Confirmed, Never);
            time.Advance(Retention * 2);
            await log.CollectAsync(Log, Never);
            Assert.Equal(Segments(0, writer), await KeptAsync(log));
            while (await reading.MoveNextAsync())
            {
                read.Add(Number(reading.Current));
            }

            Assert.Equal(all, read);
        }

        // A process that ends gives back what it held.
        await elsewhere.DisposeAsync();
        await log.CollectAsync(Log, Never);
        Assert.Equal(Segments(writer.Confirmed.Segment, writer), await KeptAsync(log));
    }

    [Fact]
    public async Task Another_process_goes_on_with_what_the_owner_left()
    {
        var time = Frozen();
        var (log, writer) = await RolledAsync();
        await log.TruncateAsync(Log, new LogPosition(4, 0), Never);
        await log.DisposeAsync();
        time.Advance(Retention);
        var next = Begin();
        var later = await next.OpenWriterAsync(Log, new Term(2), Never);
        await next.CollectAsync(Log, Never);
        Assert.Equal(Segments(4, later), await KeptAsync(next));
        Assert.True(writer.Confirmed < later.Confirmed.Next);
    }

    [Fact]
    public async Task The_collector_wakes_up_by_itself_when_the_retention_is_over()
    {
        var (log, writer) = await RolledAsync(Retaining with { RetentionTime = TimeSpan.FromMilliseconds(20) });
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var gone = GoneAsync("woodpecker/logs/" + Log + "/segments/00000002", (await Meta.RangeAsync("none", Never)).Revision + 1, limit.Token);
        await log.TruncateAsync(Log, new LogPosition(3, 0), Never);
        await gone;
        Assert.Equal(Segments(3, writer), await KeptAsync(log));
    }

    [Fact]
    public async Task A_deletion_that_was_cut_short_is_finished_by_the_next_process_that_owns_logs()
    {
        var (log, writer) = await RolledAsync();
        await log.CreateAsync("other", Never);
        await writer.DisposeAsync();
        var key = "woodpecker/logs/" + Log;
        var record = Encoding.UTF8.GetString((await Meta.GetAsync(key, Never))!.Value.Span);
        var revision = (await Meta.TransactAsync([], [new MetaOperation.Put(key, Encoding.UTF8.GetBytes(record.Replace("\"deleted\":false", "\"deleted\":true", StringComparison.Ordinal)))], Never)).Revision;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var gone = GoneAsync(key, revision + 1, limit.Token);
        var next = Begin();
        await next.OpenWriterAsync("other", new Term(1), Never);
        await gone;
        Assert.Empty(await KeptAsync(next));
        Assert.Empty((await Meta.RangeAsync(key + "/", Never)).Entries);
        Assert.Equal(["other"], await next.ListAsync(Never));
    }

    private ManualDate Frozen()
    {
        var time = new ManualDate();
        Time = time;
        return time;
    }

    /// <summary>Real timers, which retries against real stores need, and a date that moves only when told to.</summary>
    private sealed class ManualDate : TimeProvider
    {
        private long _ticks = TimeSpan.FromDays(20_000).Ticks;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + TimeSpan.FromTicks(Interlocked.Read(ref _ticks));

        public void Advance(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);
    }

    private WoodpeckerEngine Begin(WoodpeckerOptions? options = null) => (WoodpeckerEngine)Start(options ?? Retaining);

    /// <summary>A log of several segments, of which the first are finished.</summary>
    private async Task<(WoodpeckerEngine Log, ILogWriter Writer)> RolledAsync(WoodpeckerOptions? options = null)
    {
        var log = Begin(options);
        await log.CreateAsync(Log, Never);
        var writer = await log.OpenWriterAsync(Log, new Term(1), Never);
        await AppendAsync(writer, 0, 50, 100);
        Assert.True(writer.Confirmed.Segment > 5, $"rolled to {writer.Confirmed}");
        return (log, writer);
    }

    private static IEnumerable<long> Segments(long from, ILogWriter writer)
    {
        for (var number = from; number <= writer.Confirmed.Segment; number++)
        {
            yield return number;
        }
    }

    /// <summary>Segments of which bytes or a record are kept; both, or the test fails. An object store has no bytes of a segment that is still empty.</summary>
    private async Task<IEnumerable<long>> KeptAsync(WoodpeckerEngine log)
    {
        var kept = await log.Backend.ListSegmentsAsync(Log, long.MaxValue, Never);
        var prefix = $"woodpecker/logs/{Log}/segments/";
        var known = (await Meta.RangeAsync(prefix, Never)).Entries.Select(e => long.Parse(e.Key[prefix.Length..], System.Globalization.CultureInfo.InvariantCulture)).ToList();
        Assert.Subset(known.ToHashSet(), kept.ToHashSet());
        Assert.All(known.SkipLast(1), number => Assert.Contains(number, kept));
        return known;
    }

    private async Task GoneAsync(string key, long fromRevision, CancellationToken ct)
    {
        await foreach (var batch in Meta.WatchAsync(key, fromRevision, ct))
        {
            if (batch.Events.Any(e => e.IsDelete && e.Entry.Key == key))
            {
                return;
            }
        }
    }
}
