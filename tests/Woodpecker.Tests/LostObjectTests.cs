using System.Buffers;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>A block whose object is not there although something says that it was confirmed: corruption, never the end nor "not yet" (W10, W16).</summary>
public sealed class LostObjectTests
{
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly ForgetfulObjects _store = new();
    private readonly WatchedMeta _meta = new();
    private int _started;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public async Task The_next_writer_is_told_when_a_later_block_confirms_a_missing_one_and_puts_nothing_in_its_place(int block)
    {
        await FiveAsync();
        await _store.DeleteAsync(Key(block), Never);
        var before = await _store.CountAsync();
        var e = await Assert.ThrowsAsync<MiniMilvusException>(() => Start().OpenWriterAsync(TestLog.Name, new Term(2), Never).AsTask());
        Assert.Equal(ErrorKind.Corrupted, e.Kind);
        Assert.Contains($"log '{TestLog.Name}', segment 0, block {block}", e.Message, StringComparison.Ordinal);
        Assert.Equal(before, await _store.CountAsync());
    }

    [Fact]
    public async Task The_next_writer_is_told_when_several_are_missing_and_when_the_truncation_point_lies_beyond_the_end()
    {
        var writer = await FiveAsync();
        await Start().TruncateAsync(TestLog.Name, new LogPosition(0, 4), Never);
        await _store.DeleteAsync(Key(1), Never);
        await _store.DeleteAsync(Key(2), Never);
        await AssertCorruptedAsync(block: 1);
        await _store.DeleteAsync(Key(3), Never);
        await _store.DeleteAsync(Key(4), Never);
        await AssertCorruptedAsync(block: 1); // no block says so any more, but who truncated knew
        Assert.Equal(new LogPosition(0, 5), writer.Confirmed);

        async Task AssertCorruptedAsync(int block)
        {
            var e = await Assert.ThrowsAsync<MiniMilvusException>(() => Start().OpenWriterAsync(TestLog.Name, new Term(++_term), Never).AsTask());
            Assert.Equal(ErrorKind.Corrupted, e.Kind);
            Assert.Contains($"segment 0, block {block}", e.Message, StringComparison.Ordinal);
        }
    }

    private int _term = 1;

    [Fact]
    public async Task A_block_that_is_put_while_the_next_writer_looks_is_not_missed()
    {
        await FiveAsync();
        _store.HideOnce(Key(2)); // as if its put had come between the look at it and the look at what lies behind it
        var next = Start();
        var writer = await next.OpenWriterAsync(TestLog.Name, new Term(2), Never);
        Assert.Equal([0, 1, 2, 3, 4], await TestLog.ReadAsync(next, LogPosition.Beginning, writer.Confirmed));
    }

    [Fact]
    public async Task A_reader_elsewhere_is_told_by_what_lies_behind_and_does_not_wait_for_ever()
    {
        await FiveAsync();
        await _store.DeleteAsync(Key(2), Never);
        var e = await Assert.ThrowsAsync<MiniMilvusException>(() => TestLog.ReadAsync(Start(), LogPosition.Beginning, LogPosition.Max));
        Assert.Equal(ErrorKind.Corrupted, e.Kind);
        Assert.Contains("segment 0, block 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reader_elsewhere_is_told_by_the_end_that_it_was_given()
    {
        var writer = await FiveAsync();
        await _store.DeleteAsync(Key(4), Never);
        var e = await Assert.ThrowsAsync<MiniMilvusException>(() => TestLog.ReadAsync(Start(), LogPosition.Beginning, writer.Confirmed));
        Assert.Equal(ErrorKind.Corrupted, e.Kind);
        Assert.Contains("segment 0, block 4", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reader_that_waits_at_the_end_asks_what_lies_behind_ever_more_rarely()
    {
        var writer = await FiveAsync();
        using var stop = new CancellationTokenSource();
        var seen = _meta.LookedAtAsync($"woodpecker/logs/{TestLog.Name}/segments/00000000", 70);
        var reading = ReadOnAsync(stop.Token);
        await seen;
        Assert.InRange(_store.Lists, 1, 8);
        await TestLog.AppendAsync(writer, 5);
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
    }

    private async Task ReadOnAsync(CancellationToken ct)
    {
        await foreach (var entry in Start().ReadAsync(TestLog.Name, LogPosition.Beginning, LogPosition.Max, ct))
        {
            Assert.InRange(TestLog.Number(entry), 0, 5);
        }
    }

    private static string Key(int block) => $"logs/{TestLog.Name}/00000000/{block:D8}";

    private ObjectWoodpecker Start() => new(
        _store, _meta, TestLog.Small with { ForeignPollInterval = TimeSpan.FromMilliseconds(1), ForeignPollsPerMetadataLook = 2 }, TimeProvider.System, NoStations.Instance, $"writer-{++_started}");

    /// <summary>Five entries, each in a block of its own, in a segment that is open.</summary>
    private async Task<ILogWriter> FiveAsync()
    {
        var log = Start();
        await log.CreateAsync(TestLog.Name, Never);
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        for (var i = 0; i < 5; i++)
        {
            await TestLog.AppendAsync(writer, i);
        }

        return writer;
    }

    private sealed class ForgetfulObjects : IObjectStore
    {
        private readonly MemoryObjectStore _inner = new();
        private string? _hidden;
        private int _lists;

        public int Lists => Volatile.Read(ref _lists);

        public void HideOnce(string key) => _hidden = key;

        public async Task<int> CountAsync() => await _inner.ListAsync("", Never).CountAsync();

        public ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct) => _inner.PutAsync(key, content, condition, ct);

        public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct)
        {
            if (_hidden != key)
            {
                return _inner.GetAsync(key, ct);
            }

            _hidden = null;
            throw MiniMilvusException.NotFound(ErrorReason.Unspecified, $"object {key}: not there yet");
        }

        public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) => _hidden == key
            ? throw MiniMilvusException.NotFound(ErrorReason.Unspecified, $"object {key}: not there yet")
            : _inner.GetRangeAsync(key, offset, bytes, ct);

        public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) => _inner.HeadAsync(key, ct);

        public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken ct)
        {
            Interlocked.Increment(ref _lists);
            return _inner.ListAsync(prefix, ct);
        }

        public ValueTask DeleteAsync(string key, CancellationToken ct) => _inner.DeleteAsync(key, ct);
    }
}
