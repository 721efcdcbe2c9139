using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Metadata;
using MiniMilvus.Woodpecker.Reading;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>Damage is told from a write under way by what confirms it, and whoever confirms comes after the bytes (W16).</summary>
public sealed class SegmentCursorTests
{
    private static readonly CancellationToken Never = CancellationToken.None;
    private static readonly LogSegmentRecord Open = new(0, LogSegmentState.Active, -1, 1, "writer");

    [Fact]
    public async Task A_block_that_was_completed_between_two_looks_is_not_damage()
    {
        var reader = new Script([BlockReadKind.Bad, BlockReadKind.Block]);
        await using var cursor = new SegmentCursor(TestLog.Name, Open, reader);
        await cursor.RequireNotDamagedAsync(LogPosition.Beginning, LogPosition.Beginning, Never);
        var block = await cursor.NextAsync(LogPosition.Beginning, new LogPosition(0, 1), LogPosition.Beginning, Never);
        Assert.Equal(LogPosition.Beginning, block!.First);
    }

    [Fact]
    public async Task A_block_that_stays_damaged_below_what_is_confirmed_behind_it_is_corruption()
    {
        await using var cursor = new SegmentCursor(TestLog.Name, Open, new Script([BlockReadKind.Bad, BlockReadKind.Bad]));
        var e = await Assert.ThrowsAsync<MiniMilvusException>(async () => await cursor.RequireNotDamagedAsync(LogPosition.Beginning, LogPosition.Beginning, Never));
        Assert.Equal(ErrorKind.Corrupted, e.Kind);
    }

    /// <summary>Answers looks at the first block one after another; what lies behind it confirms its entry.</summary>
    private sealed class Script(Queue<BlockReadKind> answers) : ISegmentReader
    {
        public Script(BlockReadKind[] answers)
            : this(new Queue<BlockReadKind>(answers))
        {
        }

        public ValueTask<BlockRead> NextAsync(long fromEntry, CancellationToken ct)
        {
            var encoded = EncodedBlock.Encode([new byte[] { 7 }], 0, 1, LogPosition.Beginning, 1, LogPosition.Beginning);
            var kind = answers.Dequeue();
            return new(new BlockRead(kind, encoded.Header, kind == BlockReadKind.Block ? DecodedBlock.TryDecode(encoded.Header, encoded.TakePayload()) : null, "block 0"));
        }

        public ValueTask<LogPosition> FindConfirmedAheadAsync(CancellationToken ct) => new(new LogPosition(0, 1));

        public ValueTask DisposeAsync() => default;
    }
}
