using MiniMilvus.Core;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Woodpecker.Tests;

public sealed class LocalLogTests
{
    private static readonly CancellationToken Never = CancellationToken.None;

    [Fact]
    public async Task What_was_appended_is_read_in_order()
    {
        await using var test = new TestLog();
        var log = test.Start();
        await log.CreateAsync(TestLog.Name, Never);
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        for (var i = 0; i < 100; i++)
        {
            await TestLog.AppendAsync(writer, i, i * 100);
        }

        Assert.Equal(Enumerable.Range(0, 100), await TestLog.ReadAsync(log, LogPosition.Beginning, writer.Confirmed));
    }

    [Fact]
    public async Task A_new_term_goes_on_behind_what_the_old_one_acked()
    {
        await using var test = new TestLog();
        var first = test.Start();
        await first.CreateAsync(TestLog.Name, Never);
        var old = await first.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        for (var i = 0; i < 10; i++)
        {
            await TestLog.AppendAsync(old, i);
        }

        var second = test.Start();
        var writer = await second.OpenWriterAsync(TestLog.Name, new Term(2), Never);
        await TestLog.AppendAsync(writer, 10);
        Assert.Equal(Enumerable.Range(0, 11), await TestLog.ReadAsync(second, LogPosition.Beginning, writer.Confirmed));

        var late = await old.EnqueueAsync(TestLog.Entry(99), Never);
        Assert.Equal(ErrorKind.Fenced, (await Assert.ThrowsAsync<MiniMilvusException>(() => late.Durable)).Kind);
        await old.Stopped;
        Assert.Equal(Enumerable.Range(0, 11), await TestLog.ReadAsync(second, LogPosition.Beginning, writer.Confirmed));
    }

    [Fact]
    public async Task Reading_goes_on_behind_a_segment_that_was_collected_whole()
    {
        await using var test = new TestLog();
        var first = test.Start();
        await first.CreateAsync(TestLog.Name, Never);
        var old = await first.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        await TestLog.AppendAsync(old, 0);
        var end = old.Confirmed;
        var second = test.Start();
        var writer = await second.OpenWriterAsync(TestLog.Name, new Term(2), Never);
        await TestLog.AppendAsync(writer, 1);
        await second.TruncateAsync(TestLog.Name, end, Never);

        // The truncation point lies in a segment that is no longer there.
        Assert.Equal([1], await TestLog.ReadAsync(second, end, writer.Confirmed));
        Assert.Equal([1], await TestLog.ReadAsync(test.Start(), LogPosition.Beginning, writer.Confirmed));
    }

    [Fact]
    public async Task A_log_that_rolled_many_times_is_read_whole_and_truncated_by_segments()
    {
        await using var test = new TestLog();
        var options = TestLog.Small with { SegmentBytesMax = 1000, TailBytesMax = 0 };
        var log = test.Start(options);
        await log.CreateAsync(TestLog.Name, Never);
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        LogPosition middle = default;
        for (var i = 0; i < 60; i++)
        {
            var place = await TestLog.AppendAsync(writer, i, 100);
            middle = i == 30 ? place : middle;
        }

        Assert.True(writer.Confirmed.Segment > 5, $"rolled to {writer.Confirmed}");
        Assert.Equal(Enumerable.Range(0, 60), await TestLog.ReadAsync(log, LogPosition.Beginning, writer.Confirmed));
        await log.TruncateAsync(TestLog.Name, middle, Never);
        Assert.Equal(Enumerable.Range(30, 30), await TestLog.ReadAsync(log, LogPosition.Beginning, writer.Confirmed));
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => TestLog.ReadAsync(log, new LogPosition(0, 1), writer.Confirmed));
        Assert.Equal(ErrorKind.NotFound, error.Kind);
        await log.CollectAsync(TestLog.Name, Never);
        Assert.DoesNotContain("00000000.wal", await test.Disk.ListFilesAsync($"logs/{TestLog.Name}", Never));
    }

    [Fact]
    public async Task A_tailing_reader_is_woken_by_the_ack()
    {
        await using var test = new TestLog();
        var log = test.Start();
        await log.CreateAsync(TestLog.Name, Never);
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        var reading = TestLog.ReadAsync(log, LogPosition.Beginning, new LogPosition(0, 50));
        for (var i = 0; i < 50; i++)
        {
            await TestLog.AppendAsync(writer, i, i % 7 == 0 ? 9000 : 20);
        }

        Assert.Equal(Enumerable.Range(0, 50), await reading);
    }

    [Fact]
    public async Task A_reader_of_another_process_follows_across_rolls_and_terms()
    {
        await using var test = new TestLog();
        var writing = test.Start(TestLog.Small with { SegmentBytesMax = 2000 });
        await writing.CreateAsync(TestLog.Name, Never);
        var reader = test.Start();
        var seen = new List<int>();
        using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var following = Task.Run(async () =>
        {
            await foreach (var entry in reader.ReadAsync(TestLog.Name, LogPosition.Beginning, LogPosition.Max, enough.Token))
            {
                seen.Add(TestLog.Number(entry));
                if (seen.Count == 90)
                {
                    return;
                }
            }
        });
        for (var term = 1; term <= 3; term++)
        {
            var writer = await writing.OpenWriterAsync(TestLog.Name, new Term(term), Never);
            for (var i = 0; i < 30; i++)
            {
                await TestLog.AppendAsync(writer, ((term - 1) * 30) + i, 100);
            }

            if (term == 3)
            {
                await writer.DisposeAsync();
            }
        }

        await following;
        Assert.Equal(Enumerable.Range(0, 90), seen);
    }
}
