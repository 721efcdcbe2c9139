using System.Buffers.Binary;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Conformance.Woodpecker;

public abstract partial class WoodpeckerConformance
{
    [Fact]
    public async Task Truncation_gives_up_what_is_below_and_nothing_else()
    {
        var (log, writer) = await OpenAsync(Options with { SegmentBytesMax = 1000 });
        await AppendAsync(writer, 0, 100, 100);
        var all = await ReadAsync(log, LogPosition.Beginning, writer.Confirmed);
        for (var i = 5; i < 100; i += 19)
        {
            await log.TruncateAsync(Log, all[i].Position, Never);
            await log.TruncateAsync(Log, all[i - 3].Position, Never); // never goes back
            foreach (var reader in new[] { log, Start() })
            {
                Assert.Equal(all[i].Position, (await reader.GetWatermarksAsync(Log, Never)).TruncatedUntil);
                Assert.Equal(Enumerable.Range(i, 100 - i), await NumbersAsync(reader, LogPosition.Beginning, writer.Confirmed));
                Assert.Equal(Enumerable.Range(i, 100 - i), await NumbersAsync(reader, all[i].Position, writer.Confirmed));
                await Expect.KindAsync(ErrorKind.NotFound, () => NumbersAsync(reader, all[i - 1].Position, writer.Confirmed));
            }
        }

        await Expect.KindAsync(ErrorKind.Invalid, () => log.TruncateAsync(Log, writer.Confirmed.Next, Never).AsTask());
        await log.TruncateAsync(Log, writer.Confirmed, Never);
        Assert.Empty(await NumbersAsync(log, LogPosition.Beginning, writer.Confirmed));
    }

    [Fact]
    public async Task Numbering_goes_on_after_everything_was_truncated_and_the_log_reopened()
    {
        var (log, writer) = await OpenAsync();
        await AppendAsync(writer, 0, 3);
        var end = writer.Confirmed;
        await log.TruncateAsync(Log, end, Never);
        var next = await Start().OpenWriterAsync(Log, new Term(2), Never);
        var pending = await next.EnqueueAsync(Entry(3), Never);
        await pending.Durable;
        Assert.True(pending.Position > end);
        Assert.Equal([3], await NumbersAsync(Start(), LogPosition.Beginning, next.Confirmed));
    }

    [Fact]
    public async Task Watermarks_stand_in_their_order()
    {
        var (log, writer) = await OpenAsync();
        await AppendAsync(writer, 0, 10);
        await log.TruncateAsync(Log, new LogPosition(0, 4), Never);
        var burst = new List<PendingAppend>();
        for (var i = 0; i < 100; i++)
        {
            burst.Add(await writer.EnqueueAsync(Entry(i), Never));
            var marks = await log.GetWatermarksAsync(Log, Never);
            Assert.True(marks.TruncatedUntil <= marks.Confirmed && marks.Confirmed <= marks.Durable && marks.Durable <= marks.Tail, marks.ToString());
            Assert.True(marks.Tail >= burst[^1].Position.Next);

            // Others may see a confirmation a moment before the writer hears of it; never one that the writer does not then make good.
            var elsewhere = await Start().GetWatermarksAsync(Log, Never);
            await Task.WhenAll(burst.Where(b => b.Position < elsewhere.Confirmed).Select(b => b.Durable)).WaitAsync(TimeSpan.FromSeconds(30));
            Assert.True(elsewhere.Confirmed <= writer.Confirmed, $"{elsewhere.Confirmed} is confirmed elsewhere, {writer.Confirmed} by the writer");
        }

        await Task.WhenAll(burst.Select(b => b.Durable));
        var end = await log.GetWatermarksAsync(Log, Never);
        Assert.Equal(new LogWatermarks(new(0, 4), new(0, 110), new(0, 110), new(0, 110)), end);
    }
}
