using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Conformance.Woodpecker;

/// <summary>Catching up and following: large reads ahead, then the tail in memory, and back (W10, Q8).</summary>
public abstract partial class WoodpeckerConformance
{
    /// <summary>A block for each entry, and a tail of ten of them.</summary>
    private static WoodpeckerOptions Narrow => Options with { SegmentBytesMax = 30_000, BlockBytesMax = 200, TailBytesMax = 2000, ReadBytes = 700 };

    [Fact]
    public async Task A_slow_reader_at_the_tail_is_sent_back_to_catching_up_and_comes_to_the_tail_again()
    {
        var (log, writer) = await OpenAsync(Narrow);
        await AppendAsync(writer, 0, 150, 200);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await using var reader = log.ReadAsync(Log, LogPosition.Beginning, LogPosition.Max, limit.Token).GetAsyncEnumerator(limit.Token);
        var reads = ((WoodpeckerEngine)log).Reads;
        var next = 0;
        await ReadOnAsync(150);
        Assert.True(reads.FromSegments > 0, "nothing was read from segments");
        Assert.InRange(reads.FromTail, 0, 12); // the rest of 150, merged or not, came from segments
        for (var round = 0; round < 3; round++)
        {
            // It waits at the tail, and is given what comes from memory.
            var tail = reads.FromTail;
            var waiting = reader.MoveNextAsync().AsTask();
            Assert.False(waiting.IsCompleted);
            await AppendAsync(writer, next, 1, 200);
            Assert.True(await waiting);
            Assert.Equal(next++, Number(reader.Current));
            await AppendAsync(writer, next, 5, 200);
            await ReadOnAsync(5);
            Assert.Equal(tail + 6, reads.FromTail);

            // It does not look for a while: memory forgets, and it goes on from where the log lies.
            Assert.Equal(round, reads.Demotions);
            await AppendAsync(writer, next, 130, 200);
            await ReadOnAsync(130);
            Assert.Equal(round + 1, reads.Demotions);
        }

        async Task ReadOnAsync(int count)
        {
            for (var i = 0; i < count; i++)
            {
                Assert.True(await reader.MoveNextAsync());
                Assert.Equal(next++, Number(reader.Current));
            }
        }
    }

    [Fact]
    public async Task Readers_that_catch_up_while_the_log_grows_see_every_entry_once_in_order_from_wherever_they_start()
    {
        var (log, writer) = await OpenAsync(Narrow);
        await AppendAsync(writer, 0, 120, 200);
        var places = (await ReadAsync(log, LogPosition.Beginning, writer.Confirmed)).ConvertAll(e => e.Position);
        var readers = new List<(int From, Task<List<int>> Numbers)>();
        foreach (var from in new[] { 0, 1, 31, 64, 99, 119 })
        {
            readers.Add((from, NumbersAsync(log, places[from], LogPosition.Max, count: 250 - from)));
            readers.Add((from, NumbersAsync(Start(Narrow), places[from], LogPosition.Max, count: 250 - from)));
        }

        await AppendAsync(writer, 120, 131, 200);
        foreach (var (from, numbers) in readers)
        {
            Assert.Equal(Enumerable.Range(from, 250 - from), await numbers);
        }
    }

    [Fact]
    public async Task Reading_without_room_to_read_ahead_gives_the_same()
    {
        var (_, writer) = await OpenAsync(Narrow);
        await AppendAsync(writer, 0, 100, 200);
        foreach (var options in new[] { Narrow with { ReadAheadBytesMax = 0 }, Narrow with { ReadsAheadMax = 0 }, Narrow with { ReadsAheadMax = 1 } })
        {
            var log = Start(options);
            var readers = Enumerable.Range(0, 4).Select(_ => NumbersAsync(log, LogPosition.Beginning, writer.Confirmed)).ToList();
            foreach (var numbers in readers)
            {
                Assert.Equal(Enumerable.Range(0, 100), await numbers);
            }
        }
    }

    [Fact]
    public async Task Blocks_that_are_larger_than_those_before_them_are_read_whole()
    {
        var (_, writer) = await OpenAsync();
        int[] sizes = [.. Enumerable.Repeat(10, 20), 70_000, 65_536 - 68, 65_536 - 67, 10, 300_000, .. Enumerable.Repeat(10, 20), 2_000_000];
        for (var i = 0; i < sizes.Length; i++)
        {
            await AppendAsync(writer, i, 1, sizes[i]);
        }

        var read = await ReadAsync(Start(), LogPosition.Beginning, writer.Confirmed);
        Assert.Equal(sizes, read.Select(e => e.Bytes.Length));
        Assert.Equal(Enumerable.Range(0, sizes.Length), read.Select(Number));
    }

    [Fact]
    public async Task A_reader_that_is_cancelled_in_the_middle_of_catching_up_ends_and_another_reads_on()
    {
        var (_, writer) = await OpenAsync(Narrow);
        await AppendAsync(writer, 0, 100, 200);
        var log = Start(Narrow);
        for (var after = 1; after < 100; after += 24)
        {
            using var cancel = new CancellationTokenSource();
            var seen = 0;
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                await foreach (var entry in log.ReadAsync(Log, LogPosition.Beginning, LogPosition.Max, cancel.Token))
                {
                    Assert.Equal(seen, Number(entry));
                    if (++seen == after)
                    {
                        cancel.Cancel();
                    }
                }
            });
            Assert.InRange(seen, after, 100);
        }

        Assert.Equal(Enumerable.Range(0, 100), await NumbersAsync(log, LogPosition.Beginning, writer.Confirmed));
    }
}
