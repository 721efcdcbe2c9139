using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Local;

namespace MiniMilvus.Woodpecker.Tests;

public sealed class FileReadAheadTests
{
    private const int PieceBytes = 64;
    private const int HeadBytes = 20;
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly SimulatedDisk _disk = new(TimeProvider.System, 1);

    [Theory]
    [InlineData(int.MaxValue)] // all in pieces
    [InlineData(3 * PieceBytes)] // some in pieces, some straight
    [InlineData(10)] // nearly all straight
    public async Task Any_walk_through_a_file_that_grows_reads_what_is_there(int largeBytes)
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            var content = new byte[5000];
            random.NextBytes(content);
            await using var file = await _disk.Mount().OpenAsync($"file-{largeBytes}-{seed}", DiskOpenMode.CreateNew, Never);
            var written = random.Next(0, 3000);
            await file.WriteAtAsync(0, content.AsMemory(0, written), Never);
            await using var ahead = new FileReadAhead(await _disk.Mount().OpenAsync($"file-{largeBytes}-{seed}", DiskOpenMode.Read, Never), PieceBytes, HeadBytes, largeBytes);
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
    public async Task Reading_on_has_pieces_on_their_way_and_a_failed_one_is_read_again()
    {
        var content = new byte[PieceBytes * 20];
        new Random(1).NextBytes(content);
        var inner = new Counted(content);
        await using var ahead = new FileReadAhead(inner, PieceBytes, PieceBytes, int.MaxValue);
        var piece = new byte[PieceBytes];
        await ahead.ReadAsync(0, piece, Never);
        Assert.Equal(1, inner.Reads);
        await ahead.ReadAsync(PieceBytes, piece, Never);
        Assert.Equal(5, inner.Reads); // this one and three ahead

        inner.Fails = 1;
        await ahead.ReadAsync(2 * PieceBytes, piece, Never); // sends the read that fails
        for (var at = 3; at < 20; at++)
        {
            if (await Record.ExceptionAsync(async () => await ahead.ReadAsync(at * PieceBytes, piece, Never)) is { } e)
            {
                Assert.IsType<IOException>(e);
                Assert.Equal(0, inner.Fails);
                inner.Fails = -1;
                await ahead.ReadAsync(at * PieceBytes, piece, Never);
            }

            Assert.Equal(content.AsSpan(at * PieceBytes, PieceBytes), piece.AsSpan());
        }

        Assert.Equal(-1, inner.Fails); // it was met
    }

    [Fact]
    public async Task Large_blocks_cost_a_look_and_a_read_and_small_ones_are_read_ahead_again()
    {
        const int Large = 1000;
        var content = new byte[20_000];
        new Random(1).NextBytes(content);
        var inner = new Counted(content);
        await using var ahead = new FileReadAhead(inner, PieceBytes, HeadBytes, Large);
        var at = 0;
        for (var block = 0; block < 5; block++)
        {
            at += await RequireAsync(BlockHeader.Bytes / 4, at);
            at += await RequireAsync(Large + HeadBytes, at);
            Assert.Equal(2 * (block + 1), inner.Reads);
        }

        var small = inner.Reads;
        for (var block = 0; block < 40; block++)
        {
            at += await RequireAsync(BlockHeader.Bytes / 4, at);
            at += await RequireAsync(BlockHeader.Bytes + 1, at); // more than a header, so it says what comes
        }

        Assert.InRange(inner.Reads - small, 40 * (BlockHeader.Bytes + 1) / PieceBytes, 60); // a read for each piece, not one for each block and header
        at += await RequireAsync(Large + HeadBytes, at);
        small = inner.Reads;
        await RequireAsync(Large + HeadBytes, at);
        Assert.InRange(inner.Reads - small, 1, 2);

        async Task<int> RequireAsync(int bytes, int from)
        {
            var to = new byte[bytes];
            Assert.Equal(bytes, await ahead.ReadAsync(from, to, Never));
            Assert.Equal(content.AsSpan(from, bytes), to.AsSpan());
            return bytes;
        }
    }

    private sealed class Counted(byte[] content) : IDiskFile
    {
        public int Reads { get; private set; }

        public int Fails { get; set; }

        public long Length => content.Length;

        public ValueTask<int> ReadAtAsync(long offset, Memory<byte> buffer, CancellationToken ct)
        {
            Reads++;
            if (Fails > 0)
            {
                Fails--;
                return ValueTask.FromException<int>(new IOException("injected"));
            }

            var bytes = (int)Math.Clamp(content.Length - offset, 0, buffer.Length);
            content.AsMemory((int)Math.Min(offset, content.Length), bytes).CopyTo(buffer);
            return new(bytes);
        }

        public ValueTask WriteAtAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken ct) => throw new NotSupportedException();

        public ValueTask WriteAtAsync(long offset, IReadOnlyList<ReadOnlyMemory<byte>> bytes, CancellationToken ct) => throw new NotSupportedException();

        public ValueTask FlushAsync(CancellationToken ct) => throw new NotSupportedException();

        public ValueTask PreallocateAsync(long length, CancellationToken ct) => throw new NotSupportedException();

        public ValueTask SetLengthAsync(long length, CancellationToken ct) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => default;
    }
}
