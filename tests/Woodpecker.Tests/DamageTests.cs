using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Blocks;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>W16: damage below what is known to be confirmed is reported; above it is a torn tail and cut. Never "not yet", never made-up data.</summary>
public sealed class DamageTests
{
    private static readonly CancellationToken Never = CancellationToken.None;

    [Fact]
    public async Task Any_flipped_bit_in_an_unfinished_segment_is_reported_or_lies_in_the_unproven_tail()
    {
        const int entries = 6;
        var block = BlockHeader.Bytes + BlockHeader.EntryPrefixBytes + 20;
        var end = SegmentHeader.Bytes + (entries * block);
        var (reported, cut) = (0, 0);
        for (var at = 0; at < end; at += 3)
        {
            var test = new Simulated();
            await test.KilledAfterAsync(entries, 20);
            test.Disk.Damage(Simulated.SegmentPath(0), at, (byte)(1 << (at % 8)));
            var log = test.Start();
            try
            {
                var writer = await log.OpenWriterAsync(TestLog.Name, new Term(2), Never);

                // Only the last block has nobody to vouch for it.
                Assert.True(at >= end - block, $"a bit at {at} was flipped and nobody noticed");
                Assert.Equal(Enumerable.Range(0, entries - 1), await TestLog.ReadAsync(log, LogPosition.Beginning, writer.Confirmed));
                cut++;
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
            {
                Assert.True(at < end - block, $"a bit at {at} was flipped in the unproven tail, which was called corruption");
                Assert.Contains($"log '{TestLog.Name}', segment 0, block", e.Message, StringComparison.Ordinal);
                reported++;
            }
        }

        Assert.True(reported > 100 && cut > 10, $"{reported} reported, {cut} cut");
    }

    [Fact]
    public async Task Any_flipped_bit_in_a_finished_segment_is_reported_to_its_reader()
    {
        const int entries = 4;
        var block = BlockHeader.Bytes + BlockHeader.EntryPrefixBytes + 20;
        for (var at = SegmentHeader.Bytes; at < SegmentHeader.Bytes + (entries * block); at += 5)
        {
            var test = new Simulated();
            await test.KilledAfterAsync(entries, 20);
            var writer = await test.Start().OpenWriterAsync(TestLog.Name, new Term(2), Never);
            test.Disk.Damage(Simulated.SegmentPath(0), at, 0x10);
            var number = (at - SegmentHeader.Bytes) / block;
            var reader = test.Start();
            Assert.Equal(Enumerable.Range(0, number), await TestLog.ReadAsync(reader, LogPosition.Beginning, new LogPosition(0, number)));
            var error = await Assert.ThrowsAsync<MiniMilvusException>(() => TestLog.ReadAsync(reader, LogPosition.Beginning, writer.Confirmed));
            Assert.Equal(ErrorKind.Corrupted, error.Kind);
            Assert.Contains($"segment 0, block {number}, offset {SegmentHeader.Bytes + (number * block)}", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(true)] // a flipped bit
    [InlineData(false)] // a file that became shorter while it was read
    public async Task Damage_in_what_was_read_ahead_is_told_where_it_lies_and_when_the_reader_comes_to_it(bool isFlipped)
    {
        const int entries = 60;
        const int damaged = 40;
        const int block = BlockHeader.Bytes + BlockHeader.EntryPrefixBytes + 100;
        var test = new Simulated();
        await test.KilledAfterAsync(entries, 100);
        var until = (await test.Start().OpenWriterAsync(TestLog.Name, new Term(2), Never)).Confirmed;
        if (isFlipped)
        {
            test.Disk.Damage(Simulated.SegmentPath(0), SegmentHeader.Bytes + (damaged * block) + 70, 1);
        }

        var seen = new List<int>();
        var error = await Assert.ThrowsAsync<MiniMilvusException>(async () =>
        {
            await foreach (var entry in test.Start(TestLog.Small with { ReadBytes = 3 * block }).ReadAsync(TestLog.Name, LogPosition.Beginning, until, Never))
            {
                seen.Add(TestLog.Number(entry));
                if (seen.Count == damaged / 2 && !isFlipped)
                {
                    await using var file = await test.Disk.Mount().OpenAsync(Simulated.SegmentPath(0), DiskOpenMode.ReadWrite, Never);
                    await file.SetLengthAsync(SegmentHeader.Bytes + (damaged * block) + 70, Never);
                }
            }
        });
        Assert.Equal(Enumerable.Range(0, damaged), seen);
        Assert.Equal(ErrorKind.Corrupted, error.Kind);
        Assert.Contains($"segment 0, block {damaged}, offset {SegmentHeader.Bytes + (damaged * block)}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Damage_below_confirmed_is_reported_to_a_reader_beside_the_writer_and_to_one_elsewhere()
    {
        var test = new Simulated();
        var log = test.Start(TestLog.Small with { TailBytesMax = 0 });
        var writer = await test.CreateAsync(log);
        for (var i = 0; i < 5; i++)
        {
            await TestLog.AppendAsync(writer, i, 50);
        }

        test.Disk.Damage(Simulated.SegmentPath(0), SegmentHeader.Bytes + 70, 1);
        foreach (var reader in new[] { log, test.Start() })
        {
            var error = await Assert.ThrowsAsync<MiniMilvusException>(() => TestLog.ReadAsync(reader, LogPosition.Beginning, LogPosition.Max));
            Assert.Equal(ErrorKind.Corrupted, error.Kind);
        }
    }

    [Fact]
    public async Task A_segment_that_lost_its_file_is_corrupt_not_absent()
    {
        var test = new Simulated();
        await test.KilledAfterAsync(3);
        var log = test.Start();
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(2), Never);
        await test.Disk.Mount().DeleteFileAsync(Simulated.SegmentPath(0), Never);
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => TestLog.ReadAsync(log, LogPosition.Beginning, writer.Confirmed));
        Assert.Equal(ErrorKind.Corrupted, error.Kind);
    }

    [Fact]
    public async Task A_block_that_an_entry_contains_is_not_taken_for_one_of_the_log()
    {
        var test = new Simulated();
        await test.KilledAfterAsync(5);
        var whole = await test.BytesAsync(0);

        // Another segment of the same log carries the first one's bytes as an entry, and its tail is torn right there.
        var second = test.Start();
        var writer = await second.OpenWriterAsync(TestLog.Name, new Term(2), Never);
        await (await writer.EnqueueAsync(whole, Never)).Durable;
        test.Disk.Kill();
        test.Disk.Damage(Simulated.SegmentPath(1), SegmentHeader.Bytes + 70, 1);
        var third = test.Start();
        var next = await third.OpenWriterAsync(TestLog.Name, new Term(3), Never);
        Assert.Equal(Enumerable.Range(0, 5), await TestLog.ReadAsync(third, LogPosition.Beginning, next.Confirmed));
    }

    [Fact]
    public async Task Random_bytes_in_place_of_a_segment_never_give_made_up_entries()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var test = new Simulated(seed);
            await test.KilledAfterAsync(8, 60);
            await using (var file = await test.Disk.Mount().OpenAsync(Simulated.SegmentPath(0), DiskOpenMode.ReadWrite, Never))
            {
                for (var wound = random.Next(1, 4); wound > 0; wound--)
                {
                    var bytes = new byte[random.Next(1, 400)];
                    if (random.Next(2) == 0)
                    {
                        random.NextBytes(bytes);
                    }

                    await file.WriteAtAsync(random.Next((int)Math.Min(file.Length, 1200)), bytes, Never);
                }

                if (random.Next(4) == 0)
                {
                    await file.SetLengthAsync(random.Next(1200), Never);
                }
            }

            var log = test.Start();
            try
            {
                var writer = await log.OpenWriterAsync(TestLog.Name, new Term(2), Never);
                var read = await TestLog.ReadAsync(log, LogPosition.Beginning, writer.Confirmed);
                Assert.Equal(Enumerable.Range(0, read.Count), read);
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
            {
                // Seen and said.
            }
        }
    }
}
