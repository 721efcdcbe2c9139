using MiniMilvus.Core;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>What an inspection says of a folder: with metadata and without, whole, damaged and torn; and that it changes nothing.</summary>
public sealed class InspectionTests
{
    private const int Payload = BlockHeader.EntryPrefixBytes + 20;
    private const int Block = BlockHeader.Bytes + Payload;
    private static readonly CancellationToken Never = CancellationToken.None;

    private static LogInspector Inspector(Simulated test, bool metadata) =>
        new(test.Disk.Mount(), async ct => metadata ? await test.Meta.RangeAsync("", ct) : null);

    private static async Task<(LogInspection Log, List<BlockInspection> Blocks)> InspectAsync(Simulated test, bool metadata, bool payloads = true)
    {
        var inspector = Inspector(test, metadata);
        Assert.Equal([TestLog.Name], await inspector.ListAsync(Never));
        var log = await inspector.InspectAsync(TestLog.Name, Never);
        var blocks = new List<BlockInspection>();
        foreach (var segment in log.Segments)
        {
            await foreach (var block in inspector.BlocksAsync(log, segment, payloads, Never))
            {
                blocks.Add(block);
            }
        }

        return (log, blocks);
    }

    /// <summary>Segment 0 with entries 0..4 and a footer, segment 1 with entries 5..7, its writer killed.</summary>
    private static async Task<Simulated> TwoSegmentsAsync()
    {
        var test = new Simulated();
        await test.KilledAfterAsync(5, 20);
        var writer = await test.Start().OpenWriterAsync(TestLog.Name, new Term(2), Never);
        for (var i = 5; i < 8; i++)
        {
            await TestLog.AppendAsync(writer, i, 20);
        }

        test.Disk.Kill();
        return test;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_whole_log_is_described_block_by_block(bool metadata)
    {
        var test = await TwoSegmentsAsync();
        var before = (await test.BytesAsync(0), await test.BytesAsync(1));
        var (log, blocks) = await InspectAsync(test, metadata);
        Assert.Equal([0L, 1L], log.Segments.Select(s => s.Number));
        Assert.Equal(metadata ? ["Completed", "Active"] : [null, null], log.Segments.Select(s => s.State));
        Assert.Equal(metadata ? 2L : null, log.Epoch);
        Assert.Equal(new LogPosition(1, 2), log.Confirmed); // the last block's own confirmation stands nowhere yet
        Assert.All(blocks, b => Assert.Equal((BlockVerdict.Intact, null), (b.Verdict, b.Problem)));
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], blocks.SelectMany(b => b.Entries).Select(TestLog.Number));
        var third = blocks[2];
        Assert.Equal(
            (0L, 2L, (long)SegmentHeader.Bytes + (2 * Block), false, Payload, new LogPosition(0, 2), 1, 1L, new LogPosition(0, 2)),
            (third.Segment, third.Number, third.Offset, third.IsFooter, third.PayloadBytes, third.First, third.EntryCount, third.Epoch, third.Confirmed));
        Assert.Equal(before.Item1.AsSpan((int)third.Offset, BlockHeader.Bytes).ToArray(), third.Header.ToArray());
        Assert.True(blocks[5] is { IsFooter: true, First.Entry: 5, EntryCount: 0, Epoch: 2 }, blocks[5].ToString());
        Assert.Equal(before, (await test.BytesAsync(0), await test.BytesAsync(1)), (a, b) => a.Item1.AsSpan().SequenceEqual(b.Item1) && a.Item2.AsSpan().SequenceEqual(b.Item2));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Any_flipped_bit_below_confirmed_is_named_and_what_lies_behind_it_is_still_read(bool metadata)
    {
        for (var at = SegmentHeader.Bytes; at < SegmentHeader.Bytes + (5 * Block) + BlockHeader.Bytes; at += 7)
        {
            var test = await TwoSegmentsAsync();
            test.Disk.Damage(Simulated.SegmentPath(0), at, 4);
            var (_, blocks) = await InspectAsync(test, metadata);
            var hurt = (at - SegmentHeader.Bytes) / Block;
            var damaged = Assert.Single(blocks, b => b.Verdict != BlockVerdict.Intact);
            Assert.Equal(BlockVerdict.Damaged, damaged.Verdict);
            Assert.Equal($"log '{TestLog.Name}', segment 0, block {hurt}, offset {SegmentHeader.Bytes + (hurt * Block)}", damaged.Where);
            Assert.Equal(Enumerable.Range(0, 8).Where(i => hurt == 5 || i != hurt), blocks.SelectMany(b => b.Entries).Select(TestLog.Number));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_torn_tail_above_confirmed_is_not_called_damage(bool metadata)
    {
        for (var at = 2 * Block; at < 3 * Block; at += 5)
        {
            var test = await TwoSegmentsAsync();
            test.Disk.Damage(Simulated.SegmentPath(1), SegmentHeader.Bytes + at, 1);
            var (_, blocks) = await InspectAsync(test, metadata);
            var torn = Assert.Single(blocks, b => b.Verdict != BlockVerdict.Intact);
            Assert.Equal((BlockVerdict.TornTail, 1L, 2L), (torn.Verdict, torn.Segment, torn.Number));
        }
    }

    [Fact]
    public async Task Headers_alone_see_a_damaged_header_and_not_a_damaged_payload()
    {
        var test = await TwoSegmentsAsync();
        test.Disk.Damage(Simulated.SegmentPath(0), SegmentHeader.Bytes + BlockHeader.Bytes + 8, 1);
        test.Disk.Damage(Simulated.SegmentPath(0), SegmentHeader.Bytes + Block + 20, 1);
        var (_, blocks) = await InspectAsync(test, metadata: true, payloads: false);
        Assert.Equal(1, Assert.Single(blocks, b => b.Verdict == BlockVerdict.Damaged).Number);
        Assert.Empty(blocks.SelectMany(b => b.Entries));
    }

    [Fact]
    public async Task A_lost_file_a_cut_file_and_a_lost_file_header_are_damage()
    {
        var test = await TwoSegmentsAsync();
        test.Disk.Damage(Simulated.SegmentPath(0), 9, 1);
        Assert.Equal((0, 0L), Damages(await InspectAsync(test, true)));

        test = await TwoSegmentsAsync();
        await using (var file = await test.Disk.Mount().OpenAsync(Simulated.SegmentPath(0), DiskOpenMode.ReadWrite, Never))
        {
            await file.SetLengthAsync(SegmentHeader.Bytes + (3 * Block), Never);
        }

        Assert.Equal((0, SegmentHeader.Bytes + (3L * Block)), Damages(await InspectAsync(test, true)));
        await test.Disk.Mount().DeleteFileAsync(Simulated.SegmentPath(0), Never);
        Assert.Equal((0, 0L), Damages(await InspectAsync(test, true)));

        static (int, long) Damages((LogInspection Log, List<BlockInspection> Blocks) found)
        {
            var damaged = Assert.Single(found.Blocks, b => b.Verdict != BlockVerdict.Intact);
            Assert.Equal(BlockVerdict.Damaged, damaged.Verdict);
            return ((int)damaged.Segment, damaged.Offset);
        }
    }

    [Fact]
    public async Task A_writer_at_work_is_never_taken_for_damage()
    {
        await using var test = new TestLog();
        var log = test.Start(TestLog.Small with { SegmentBytesMax = 20_000 });
        await log.CreateAsync(TestLog.Name, Never);
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        var inspector = new LogInspector(test.Disk, async ct => await test.Meta.RangeAsync("", ct));
        var writing = WriteAsync();
        for (var round = 0; round < 3 || !writing.IsCompleted; round++)
        {
            var found = await inspector.InspectAsync(TestLog.Name, Never);
            foreach (var segment in found.Segments)
            {
                await foreach (var block in inspector.BlocksAsync(found, segment, payloads: true, Never))
                {
                    Assert.True(block.Verdict != BlockVerdict.Damaged, $"{block.Where}: {block.Problem}");
                }
            }
        }

        await writing;
        Assert.True(writer.Confirmed.Segment > 2, $"rolled to {writer.Confirmed}");

        async Task WriteAsync()
        {
            for (var i = 0; i < 400; i++)
            {
                await TestLog.AppendAsync(writer, i, 300);
                if (i == 200)
                {
                    await log.TruncateAsync(TestLog.Name, writer.Confirmed, Never);
                }
            }
        }
    }

    [Fact]
    public async Task A_damaged_a_cut_and_a_lost_epoch_file_are_named()
    {
        const string Path = $"logs/{TestLog.Name}/EPOCH";
        var test = await TwoSegmentsAsync();
        Assert.Empty((await Inspector(test, true).InspectAsync(TestLog.Name, Never)).Problems);
        test.Disk.Damage(Path, 9, 1);
        Assert.Contains($"file {Path}: expected 32 bytes", Assert.Single((await Inspector(test, true).InspectAsync(TestLog.Name, Never)).Problems), StringComparison.Ordinal);
        await using (var file = await test.Disk.Mount().OpenAsync(Path, DiskOpenMode.ReadWrite, Never))
        {
            await file.SetLengthAsync(20, Never);
        }

        Assert.Contains("found 20 that do not", Assert.Single((await Inspector(test, true).InspectAsync(TestLog.Name, Never)).Problems), StringComparison.Ordinal);
        await test.Disk.Mount().DeleteFileAsync(Path, Never);
        Assert.Contains($"expected the file {Path}", Assert.Single((await Inspector(test, false).InspectAsync(TestLog.Name, Never)).Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_consumers_have_read_was_confirmed_and_its_loss_is_damage()
    {
        var test = await TwoSegmentsAsync();
        await test.Disk.Mount().DeleteFileAsync(Simulated.SegmentPath(1), Never);
        Assert.DoesNotContain((await InspectAsync(test, true)).Blocks, b => b.Verdict != BlockVerdict.Intact); // open, and nothing else knows of it
        var inspector = new LogInspector(test.Disk.Mount(), async ct => await test.Meta.RangeAsync("", ct), (_, _) => new LogPosition(1, 3));
        var log = await inspector.InspectAsync(TestLog.Name, Never);
        var lost = Assert.Single(await inspector.BlocksAsync(log, log.Segments[1], payloads: true, Never).ToListAsync());
        Assert.Equal((BlockVerdict.Damaged, 1L), (lost.Verdict, lost.Segment));
    }
}
