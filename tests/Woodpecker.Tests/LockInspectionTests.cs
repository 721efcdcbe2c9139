using System.Buffers;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>What an inspection says of a log that is written under a lock: two terms in one segment, and what the lock vouches for.</summary>
public sealed class LockInspectionTests
{
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly MemoryObjectStore _store = new();
    private readonly WatchedMeta _meta = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_segment_ends_where_the_later_term_ended_it_and_what_the_older_one_put_there_is_no_damage(bool metadata)
    {
        var late = await TakenOverAsync();
        var (log, blocks) = await InspectAsync(metadata);
        Assert.Empty(log.Problems);
        Assert.Equal(metadata ? 2 : (long?)null, log.LockTerm);
        Assert.DoesNotContain(blocks, b => b.Verdict == BlockVerdict.Damaged);
        var first = blocks.Where(b => b.Segment == 0).ToList();
        Assert.Equal([0, 1, 2, 2], first.Select(b => b.Number));
        Assert.Equal((true, 2L, BlockVerdict.Intact), (first[2].IsFooter, first[2].Epoch, first[2].Verdict));
        Assert.Equal((BlockVerdict.TornTail, late), (first[3].Verdict, first[3].Key));
        Assert.Equal([0, 1, 2], blocks.SelectMany(b => b.Entries).Select(TestLog.Number));
    }

    [Fact]
    public async Task The_last_confirmed_block_is_missed_because_the_lock_vouches_for_it()
    {
        await TakenOverAsync();
        var key = (await InspectAsync(metadata: true)).Blocks.Single(b => b.Segment == 1).Key!;
        await _store.DeleteAsync(key, Never);
        var damaged = Assert.Single((await InspectAsync(metadata: true)).Blocks, b => b.Verdict == BlockVerdict.Damaged);
        Assert.Equal((1L, 0L), (damaged.Segment, damaged.Number));
    }

    [Fact]
    public async Task A_damaged_block_is_named_by_its_key()
    {
        await TakenOverAsync();
        var key = (await InspectAsync(metadata: true)).Blocks[1].Key!;
        var bytes = (await _store.GetAsync(key, Never)).ToArray();
        bytes[^1] ^= 1;
        await _store.PutAsync(key, new ReadOnlySequence<byte>(bytes), PutCondition.Always, Never);
        var damaged = Assert.Single((await InspectAsync(metadata: true)).Blocks, b => b.Verdict == BlockVerdict.Damaged);
        Assert.Contains(key, damaged.Where, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lock_that_went_or_is_ahead_of_its_log_is_a_problem()
    {
        await TakenOverAsync();
        var key = $"woodpecker/logs/{TestLog.Name}/lock";
        var kept = (await _meta.GetAsync(key, Never))!.Value;
        await _meta.TransactAsync([], [new MetaOperation.Delete(key)], Never);
        Assert.Contains("expected a lock", Assert.Single((await InspectAsync(metadata: true)).Log.Problems), StringComparison.Ordinal);
        var ahead = Metadata.LockJson.Write(Metadata.LockJson.Read(key, kept.Span) with { Epoch = 9 });
        await _meta.TransactAsync([], [new MetaOperation.Put(key, ahead)], Never);
        Assert.Contains("found 9", Assert.Single((await InspectAsync(metadata: true)).Log.Problems), StringComparison.Ordinal);
    }

    /// <summary>Entries 0 and 1 of term 1, then one of its that was never confirmed, then 2 of term 2. Returns the key of the one.</summary>
    private async Task<string> TakenOverAsync()
    {
        var old = Start(1);
        await old.CreateAsync(TestLog.Name, Never);
        var writer = await old.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        await TestLog.AppendAsync(writer, 0);
        await TestLog.AppendAsync(writer, 1);
        _meta.Stall($"woodpecker/logs/{TestLog.Name}/lock", async () => await TestLog.AppendAsync(await Start(2).OpenWriterAsync(TestLog.Name, new Term(2), Never), 2));
        var late = await writer.EnqueueAsync(TestLog.Entry(99), Never);
        await Assert.ThrowsAsync<Core.Errors.MiniMilvusException>(() => late.Durable);
        var keys = new List<string>();
        await foreach (var info in _store.ListAsync($"logs/{TestLog.Name}/00000000/00000002.", Never))
        {
            keys.Add(info.Key);
        }

        Assert.Equal(2, keys.Count);
        return keys.Single(k => k.Contains(".1.", StringComparison.Ordinal));
    }

    private ObjectWoodpecker Start(int number) =>
        new(_store, _meta, TestLog.Small, TimeProvider.System, NoStations.Instance, $"writer-{number}", ObjectFence.Lock);

    private async Task<(LogInspection Log, List<BlockInspection> Blocks)> InspectAsync(bool metadata)
    {
        var inspector = new LogInspector(_store, async ct => metadata ? await _meta.RangeAsync("", ct) : null, new WoodpeckerOptions(), TimeProvider.System);
        var log = await inspector.InspectAsync(TestLog.Name, Never);
        var blocks = new List<BlockInspection>();
        foreach (var segment in log.Segments)
        {
            await foreach (var block in inspector.BlocksAsync(log, segment, payloads: true, Never))
            {
                blocks.Add(block);
            }
        }

        return (log, blocks);
    }
}
