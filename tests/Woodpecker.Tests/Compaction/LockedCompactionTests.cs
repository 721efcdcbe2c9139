using System.Buffers;
using MiniMilvus.Core;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Metadata;
using MiniMilvus.Woodpecker.Objects;

namespace MiniMilvus.Woodpecker.Tests.Compaction;

/// <summary>Compaction where the store cannot fence (decision 8): the keys are those of the lock's holder, and beyond what it confirmed may lie what nobody acked.</summary>
public sealed class LockedCompactionTests : IAsyncDisposable
{
    private const int Entries = CompactionWorld.SegmentEntries;
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly CompactionWorld _world = new(ObjectFence.Lock);

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task Under_a_lock_what_was_confirmed_is_sealed_and_nothing_that_lies_beyond_it()
    {
        var old = await _world.CreateAsync(_world.Start(options: CompactionWorld.Options with { CompactsSegments = false }));
        await CompactionWorld.AppendAsync(old, 0, 5);
        await PutUnackedAsync(5);

        var next = await _world.Start().OpenWriterAsync(TestLog.Name, new Term(2), Never);
        await CompactionWorld.AppendAsync(next, 5, Entries);
        await CompactionWorld.AppendAsync(next, Entries + 5, 1);
        await Task.WhenAll(_world.SweptAsync(0), _world.SweptAsync(1));
        await _world.CheckSweptAsync("ended by a takeover", 0);
        await _world.CheckSweptAsync("ended by its writer", 1);
        Assert.Equal(2, (await _world.KeysAsync(0)).Count); // five entries in one part, and the index
        await CheckAsync();

        // The old writer's put is done once more, long after its segment was sealed and swept.
        await PutUnackedAsync(5);
        await CheckAsync();

        async Task CheckAsync()
        {
            Assert.Equal(Enumerable.Range(0, Entries + 6), await TestLog.ReadAsync(_world.StartReader(), LogPosition.Beginning, next.Confirmed));
            foreach (var metadata in new[] { true, false })
            {
                var found = (await _world.InspectAsync(metadata)).SelectMany(b => b.Entries).Select(TestLog.Number);
                Assert.Equal(Enumerable.Range(0, Entries + 5), found.Take(Entries + 5));
            }
        }
    }

    [Fact]
    public async Task Under_a_lock_a_confirmed_block_that_is_missing_is_reported_and_never_sealed_over()
    {
        var writer = await _world.CreateAsync(_world.Start(options: CompactionWorld.Options with { CompactsSegments = false }));
        await CompactionWorld.AppendAsync(writer, 0, 2 * Entries);
        await _world.Objects.DeleteAsync(await KeyAsync(0, 7), Never);
        var log = _world.Start();
        await log.OpenWriterAsync(TestLog.Name, new Term(2), Never);
        await _world.SweptAsync(1);
        Assert.Contains("segment 0, block 7", Assert.Single(log.Compaction!.Damaged), StringComparison.Ordinal);
        Assert.Equal(LogSegmentState.Completed, (await _world.RecordAsync(0))!.State);
        Assert.Equal(Entries, (await _world.KeysAsync(0)).Count(k => !k.StartsWith("sealed-", StringComparison.Ordinal))); // the other blocks, and the footer
    }

    /// <summary>What a writer leaves that is stopped between its put and its transaction.</summary>
    private async Task PutUnackedAsync(long number)
    {
        var at = new LogPosition(0, number);
        var block = EncodedBlock.Encode([TestLog.Entry(99, 150)], 0, 1, at, 1, at);
        await _world.Objects.PutAsync(await KeyAsync(0, number), BlockObjects.Encode(block, TestLog.Name, number), PutCondition.Always, Never);
    }

    private async Task<string> KeyAsync(long segment, long number) => BlockKeys.Of(TestLog.Name, (await _world.RecordAsync(segment))!)[number];
}
