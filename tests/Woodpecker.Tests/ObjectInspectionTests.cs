using System.Buffers;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>What an inspection says of logs on object storage: with metadata and without, whole, damaged, with gaps; and that it puts nothing.</summary>
public sealed class ObjectInspectionTests : IAsyncDisposable
{
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly MemoryObjectStore _store = new();
    private readonly DeafMetaStore _meta = new(new MemoryMetaStore(TimeProvider.System));
    private readonly CountingObjectStore _counted;
    private int _started;

    public ObjectInspectionTests() => _counted = new CountingObjectStore(_store);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_whole_log_is_described_block_by_block_and_nothing_is_put(bool metadata)
    {
        await TwoSegmentsAsync();
        var (log, blocks) = await InspectAsync(metadata);
        Assert.Equal([0L, 1L], log.Segments.Select(s => s.Number));
        Assert.Equal(metadata ? ["Completed", "Active"] : [null, null], log.Segments.Select(s => s.State));
        Assert.Equal(metadata ? 2L : null, log.Epoch);
        Assert.Equal(new LogPosition(1, 2), log.Confirmed);
        Assert.Empty(log.Problems);
        Assert.All(blocks, b => Assert.Equal((BlockVerdict.Intact, null), (b.Verdict, b.Problem)));
        Assert.Equal(Enumerable.Range(0, 8), blocks.SelectMany(b => b.Entries).Select(TestLog.Number));
        Assert.Equal($"log '{TestLog.Name}', segment 0, block 2, object {Key(0, 2)}", blocks[2].Where);
        Assert.True(blocks[5] is { IsFooter: true, First.Entry: 5, EntryCount: 0, Epoch: 2 }, blocks[5].ToString());
        Assert.Equal(0, _counted.Totals.Puts + _counted.Totals.Deletes);
        Assert.True(_counted.Totals.Gets > 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Any_flipped_bit_of_a_block_or_a_footer_is_named_and_what_lies_behind_is_still_read(bool metadata)
    {
        await TwoSegmentsAsync();
        for (var block = 0; block < 6; block++)
        {
            var whole = (await _store.GetAsync(Key(0, block), Never)).ToArray();
            for (var at = 0; at < whole.Length; at += 3)
            {
                var hurt = whole.ToArray();
                hurt[at] ^= 4;
                await PutAsync(Key(0, block), hurt);
                var (_, blocks) = await InspectAsync(metadata);
                AssertDamaged(blocks, block);
                Assert.Equal(Enumerable.Range(0, 8).Where(i => i != block || block == 5), blocks.SelectMany(b => b.Entries).Select(TestLog.Number));
            }

            await PutAsync(Key(0, block), whole);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_lost_and_a_cut_object_are_damage(bool metadata)
    {
        await TwoSegmentsAsync();
        for (var block = 0; block < 6; block++)
        {
            var whole = (await _store.GetAsync(Key(0, block), Never)).ToArray();
            await _store.DeleteAsync(Key(0, block), Never);
            AssertDamaged((await InspectAsync(metadata)).Blocks, block);
            await PutAsync(Key(0, block), whole[..^1]);
            AssertDamaged((await InspectAsync(metadata)).Blocks, block);
            AssertDamaged((await InspectAsync(metadata, payloads: false)).Blocks, block);
            await PutAsync(Key(0, block), whole);
        }
    }

    [Fact]
    public async Task A_finished_segment_without_any_object_is_damage_and_a_truncated_one_is_not()
    {
        var log = await TwoSegmentsAsync();
        await foreach (var info in _store.ListAsync("logs/by-dev_0/00000000/", Never))
        {
            await _store.DeleteAsync(info.Key, Never);
        }

        var (found, blocks) = await InspectAsync(metadata: true);
        Assert.Contains("expected objects, found none", Assert.Single(blocks, b => b.Verdict == BlockVerdict.Damaged).Problem, StringComparison.Ordinal);

        // Given up after it was described: no damage.
        await log.TruncateAsync(TestLog.Name, new LogPosition(1, 0), Never);
        Assert.Empty(await Inspector(metadata: true).BlocksAsync(found, found.Segments[0], payloads: true, Never).ToListAsync());
    }

    [Fact]
    public async Task Puts_beyond_a_gap_or_behind_a_footer_were_never_acked_and_are_no_damage()
    {
        await TwoSegmentsAsync();
        var next = EncodedBlock.Footer(1, 9, 2, new LogPosition(1, 2));
        await PutAsync(Key(1, 5), Objects.BlockObjects.Encode(next, TestLog.Name, 5).ToArray());
        await PutAsync(Key(0, 6), Objects.BlockObjects.Encode(next, TestLog.Name, 6).ToArray());
        var (_, blocks) = await InspectAsync(metadata: true);
        // The footer at 1/9 would be proof; a block that says only what was confirmed before the gap is none.
        Assert.Contains(blocks, b => b is { Segment: 0, Number: 6, Verdict: BlockVerdict.TornTail });
        await _store.DeleteAsync(Key(1, 5), Never);
        await _store.DeleteAsync(Key(0, 6), Never);

        var last = (await _store.GetAsync(Key(1, 2), Never)).ToArray();
        await _store.DeleteAsync(Key(1, 1), Never); // entry 1/1 is confirmed by the block that follows it
        AssertDamaged((await InspectAsync(metadata: true)).Blocks, 1, segment: 1);
        await _store.DeleteAsync(Key(1, 2), Never);
        var gone = (await InspectAsync(metadata: true)).Blocks; // now nothing says so any more
        Assert.DoesNotContain(gone, b => b.Verdict != BlockVerdict.Intact);
        BlockHeader.TryRead(last, TestLog.Name, 2, out var header);
        var block = last.ToArray();
        (header with { Confirmed = new LogPosition(1, 1) }).WriteTo(block, TestLog.Name, 2);
        await PutAsync(Key(1, 2), block);
        var torn = Assert.Single((await InspectAsync(metadata: true)).Blocks, b => b.Verdict != BlockVerdict.Intact);
        Assert.Equal((BlockVerdict.TornTail, 1L, 2L), (torn.Verdict, torn.Segment, torn.Number));
    }

    [Fact]
    public async Task A_writer_at_work_is_never_taken_for_damage()
    {
        var log = Start(TestLog.Small with { SegmentBytesMax = 20_000 });
        await log.CreateAsync(TestLog.Name, Never);
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        var writing = WriteAsync();
        for (var round = 0; round < 3 || !writing.IsCompleted; round++)
        {
            var (_, blocks) = await InspectAsync(metadata: true);
            Assert.All(blocks, block => Assert.True(block.Verdict != BlockVerdict.Damaged, $"{block.Where}: {block.Problem}"));
            await Task.Yield();
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

    public async ValueTask DisposeAsync()
    {
        _counted.Dispose();
        await Task.CompletedTask;
    }

    private static string Key(long segment, long block) => $"logs/{TestLog.Name}/{segment:D8}/{block:D8}";

    private static void AssertDamaged(List<BlockInspection> blocks, long number, long segment = 0)
    {
        var damaged = Assert.Single(blocks, b => b.Verdict != BlockVerdict.Intact);
        Assert.Equal((BlockVerdict.Damaged, segment, number), (damaged.Verdict, damaged.Segment, damaged.Number));
        Assert.Equal($"log '{TestLog.Name}', segment {segment}, block {number}, object {Key(segment, number)}", damaged.Where);
    }

    /// <summary>Segment 0 with entries 0..4 and a footer, segment 1 with entries 5..7 and no end.</summary>
    private async Task<ObjectWoodpecker> TwoSegmentsAsync()
    {
        var first = Start();
        await first.CreateAsync(TestLog.Name, Never);
        var writer = await first.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        for (var i = 0; i < 5; i++)
        {
            await TestLog.AppendAsync(writer, i, 20);
        }

        var second = Start();
        writer = await second.OpenWriterAsync(TestLog.Name, new Term(2), Never);
        for (var i = 5; i < 8; i++)
        {
            await TestLog.AppendAsync(writer, i, 20);
        }

        return second;
    }

    private ObjectWoodpecker Start(WoodpeckerOptions? options = null) =>
        new(_store, _meta, options ?? TestLog.Small, TimeProvider.System, NoStations.Instance, $"writer-{++_started}");

    private LogInspector Inspector(bool metadata) =>
        new(_counted, async ct => metadata ? await _meta.RangeAsync("", ct) : null, new WoodpeckerOptions(), TimeProvider.System);

    private async Task<(LogInspection Log, List<BlockInspection> Blocks)> InspectAsync(bool metadata, bool payloads = true)
    {
        var inspector = Inspector(metadata);
        var log = Assert.Single(await inspector.InspectAllAsync(Never).ToListAsync());
        var blocks = new List<BlockInspection>();
        foreach (var segment in log.Segments)
        {
            blocks.AddRange(await inspector.BlocksAsync(log, segment, payloads, Never).ToListAsync());
        }

        return (log, blocks);
    }

    private async Task PutAsync(string key, byte[] bytes) => await _store.PutAsync(key, new ReadOnlySequence<byte>(bytes), PutCondition.Always, Never);
}
