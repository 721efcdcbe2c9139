using MiniMilvus.Conformance.Support;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Local;
using MiniMilvus.Woodpecker.Reading;

namespace MiniMilvus.Woodpecker.Tests;

public sealed class FileReadAheadTests
{
    private const int PieceBytes = 64;
    private const int HeadBytes = 20;
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly SimulatedDisk _disk = new(TimeProvider.System, 1);

    [Theory]
    [InlineData(int.MaxValue, int.MaxValue, 1000)] // all in pieces
    [InlineData(2 * PieceBytes, 3 * PieceBytes, 1000)] // some in pieces, some straight
    [InlineData(10, 200, 10)] // straight at first
    [InlineData(10, 10, 1000)] // nearly all straight
    [InlineData(int.MaxValue, int.MaxValue, 0)] // no room for a piece
    public async Task Any_walk_through_a_file_that_grows_reads_what_is_there(int straightBytes, int largeBytes, int pieces)
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            var content = new byte[5000];
            random.NextBytes(content);
            var name = $"file-{straightBytes}-{largeBytes}-{pieces}-{seed}";
            await using var file = await _disk.Mount().OpenAsync(name, DiskOpenMode.CreateNew, Never);
            var written = random.Next(0, 3000);
            await file.WriteAtAsync(0, content.AsMemory(0, written), Never);
            await using var ahead = new FileReadAhead(
                await _disk.Mount().OpenAsync(name, DiskOpenMode.Read, Never), new ReadBudget(pieces * PieceBytes), new(PieceBytes, HeadBytes, straightBytes, largeBytes));
            var at = 0;
            for (var step = 0; step < 200; step++)
            {
                var to = new byte[random.Next(1, 5 * PieceBytes)];
                var read = await ahead.ReadAsync(at, to, Never);
                if (read < to.Length)
                {
                    await ahead.ForgetAsync(); // as the segment reader does at what it takes for the end
                    read = await ahead.ReadAsync(at, to, Never);
                    Assert.Equal(Math.Clamp(written - at, 0, to.Length), read);
                    var more = random.Next(0, Math.Min(700, content.Length - written) + 1);
                    await file.WriteAtAsync(written, content.AsMemory(written, more), Never);
                    written += more;
                }

                Assert.Equal(content.AsSpan(at, read), to.AsSpan(0, read));
                at = random.Next(12) switch { 0 => random.Next(written + 1), _ => at + read };
            }
        }
    }

    [Fact]
    public void Reading_on_has_pieces_on_their_way_and_a_failed_one_is_told_when_its_turn_comes_and_read_again() => Pump.Run(async () =>
    {
        var inner = new Scripted(20) { Yields = true };
        await using var ahead = InPieces(inner, pieces: 100);
        await RequireAsync(ahead, inner, 0);
        Assert.Equal(1, inner.Reads);
        await RequireAsync(ahead, inner, 1);
        Assert.Equal(5, inner.Reads); // this one and three ahead

        inner.FailsAt = 5 * PieceBytes;
        for (var piece = 2; piece < 20; piece++)
        {
            if (piece == 5)
            {
                Assert.Null(inner.FailsAt); // it failed long ago
                await Assert.ThrowsAsync<IOException>(() => RequireAsync(ahead, inner, piece));
            }

            await RequireAsync(ahead, inner, piece);
        }
    });

    [Fact]
    public async Task What_lies_in_the_page_cache_is_not_read_long_before_its_turn()
    {
        var inner = new Scripted(20);
        await using var ahead = InPieces(inner, pieces: 100);
        for (var piece = 0; piece < 20; piece++)
        {
            await RequireAsync(ahead, inner, piece);
            Assert.InRange(inner.Reads, piece + 1, piece + 2);
        }

        Assert.InRange(ahead.Held, PieceBytes, 2 * PieceBytes);
    }

    [Fact]
    public void What_readers_hold_in_pieces_is_bounded_for_all_of_them_and_given_back() => Pump.Run(async () =>
    {
        var inner = new Scripted(20) { Yields = true };
        var budget = new ReadBudget(3 * PieceBytes);
        await using var first = InPieces(inner, budget);
        await using var second = InPieces(inner, budget);
        for (var piece = 0; piece < 20; piece++)
        {
            await RequireAsync(first, inner, piece);
            await RequireAsync(second, inner, piece);
            Assert.Equal(budget.Taken, first.Held + second.Held);
            Assert.InRange(budget.Taken, piece == 0 ? 0 : PieceBytes, 3 * PieceBytes);
        }

        await first.ForgetAsync();
        Assert.Equal(budget.Taken, second.Held);
        await second.DisposeAsync();
        Assert.Equal(0, budget.Taken);
    });

    [Fact]
    public void A_wait_for_a_piece_ends_when_it_is_cancelled_and_the_piece_is_there_for_who_asks_again() => Pump.Run(async () =>
    {
        var inner = new Scripted(20) { Yields = true };
        await using var ahead = InPieces(inner, pieces: 100);
        await RequireAsync(ahead, inner, 0);
        await RequireAsync(ahead, inner, 1);
        inner.Held = new TaskCompletionSource();
        await RequireAsync(ahead, inner, 2); // sends the piece that will be waited for
        await RequireAsync(ahead, inner, 3);
        await RequireAsync(ahead, inner, 4);
        using var stop = new CancellationTokenSource();
        var waiting = ahead.ReadAsync(5 * PieceBytes, new byte[PieceBytes], stop.Token).AsTask();
        Assert.False(waiting.IsCompleted);
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        ahead.Rest(); // waits for no disk
        Assert.True(ahead.Held > 0);

        var reads = inner.Reads;
        inner.Held.SetResult();
        await RequireAsync(ahead, inner, 5);
        Assert.InRange(inner.Reads - reads, 0, 1); // the next one ahead, and not this one again
    });

    [Fact]
    public async Task Large_blocks_cost_a_look_and_a_read_and_small_ones_are_read_ahead_again()
    {
        const int Large = 1000;
        var inner = new Scripted(20_000 / PieceBytes);
        await using var ahead = new FileReadAhead(inner, new ReadBudget(100 * PieceBytes), new(PieceBytes, HeadBytes, Large, Large));
        var at = 0;
        for (var block = 0; block < 5; block++)
        {
            at += await ReadOnAsync(BlockHeader.Bytes / 4, at);
            at += await ReadOnAsync(Large + HeadBytes, at);
            Assert.Equal(2 * (block + 1), inner.Reads);
        }

        var small = inner.Reads;
        for (var block = 0; block < 40; block++)
        {
            at += await ReadOnAsync(BlockHeader.Bytes / 4, at);
            at += await ReadOnAsync(BlockHeader.Bytes + 1, at); // more than a header, so it says what comes
        }

        Assert.InRange(inner.Reads - small, 40 * (BlockHeader.Bytes + 1) / PieceBytes, 60); // a read for each piece, not one for each block and header
        at += await ReadOnAsync(Large + HeadBytes, at);
        small = inner.Reads;
        await ReadOnAsync(Large + HeadBytes, at);
        Assert.InRange(inner.Reads - small, 1, 2);

        async Task<int> ReadOnAsync(int bytes, int from)
        {
            var to = new byte[bytes];
            Assert.Equal(bytes, await ahead.ReadAsync(from, to, Never));
            Assert.Equal(inner.Content.AsSpan(from, bytes), to.AsSpan());
            return bytes;
        }
    }

    [Fact]
    public async Task Blocks_of_the_usual_size_are_read_straight_at_first_and_in_pieces_by_who_reads_on()
    {
        const int Block = 200;
        const int Piece = 2000;
        var inner = new Scripted(400);
        await using var ahead = new FileReadAhead(inner, new ReadBudget(100 * Piece), new(Piece, Head: 100, Straight: 100, Large: 1000));
        var reads = new List<int>();
        for (var at = 0; at + Block + 8 <= inner.Content.Length; at += Block + 8)
        {
            foreach (var (from, bytes) in new[] { (at, 8), (at + 8, Block) })
            {
                var to = new byte[bytes];
                await ahead.ReadAsync(from, to, Never);
                Assert.Equal(inner.Content.AsSpan(from, bytes), to.AsSpan());
            }

            reads.Add(inner.Reads);
        }

        Assert.Equal([2, 4, 6, 8, 10], reads[..5]);
        Assert.InRange(reads[^1], 10, 10 + (inner.Content.Length / Piece) + 3);
    }

    private static FileReadAhead InPieces(IDiskFile inner, int pieces) => InPieces(inner, new ReadBudget(pieces * PieceBytes));

    private static FileReadAhead InPieces(IDiskFile inner, ReadBudget budget) => new(inner, budget, new(PieceBytes, PieceBytes, int.MaxValue, int.MaxValue));

    private static async Task RequireAsync(FileReadAhead ahead, Scripted inner, int piece)
    {
        var to = new byte[PieceBytes];
        await ahead.ReadAsync(piece * PieceBytes, to, Never);
        Assert.Equal(inner.Content.AsSpan(piece * PieceBytes, PieceBytes), to.AsSpan());
    }

    private sealed class Scripted : IDiskFile
    {
        public Scripted(int pieces)
        {
            Content = new byte[pieces * PieceBytes];
            new Random(1).NextBytes(Content);
        }

        public byte[] Content { get; }

        public int Reads { get; private set; }

        /// <summary>As from a disk, not from the page cache.</summary>
        public bool Yields { get; init; }

        public TaskCompletionSource? Held { get; set; }

        /// <summary>The offset of the read that fails, once.</summary>
        public long? FailsAt { get; set; }

        public long Length => Content.Length;

        public async ValueTask<int> ReadAtAsync(long offset, Memory<byte> buffer, CancellationToken ct)
        {
            Reads++;
            var fails = FailsAt == offset;
            FailsAt = fails ? null : FailsAt;
            if (Yields)
            {
                await (Held?.Task ?? Task.CompletedTask);
                await Task.Yield();
            }

            var bytes = (int)Math.Clamp(Content.Length - offset, 0, buffer.Length);
            Content.AsMemory((int)Math.Min(offset, Content.Length), bytes).CopyTo(buffer);
            return fails ? throw new IOException("injected") : bytes;
        }

        public ValueTask WriteAtAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken ct) => throw new NotSupportedException();

        public ValueTask WriteAtAsync(long offset, IReadOnlyList<ReadOnlyMemory<byte>> bytes, CancellationToken ct) => throw new NotSupportedException();

        public ValueTask FlushAsync(CancellationToken ct) => throw new NotSupportedException();

        public ValueTask PreallocateAsync(long length, CancellationToken ct) => throw new NotSupportedException();

        public ValueTask SetLengthAsync(long length, CancellationToken ct) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => default;
    }
}
