using System.Buffers;
using System.Collections.Concurrent;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.S3;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>
/// The lock in the metadata where the store has no conditional put (docs/decisions/0008-etcd-lock.md): whatever an older writer does when it
/// wakes up, nothing of it is acked or readable; what was acked is found, or missed aloud.
/// </summary>
public sealed class LockTests
{
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly PlainObjects _store = new();
    private readonly WatchedMeta _meta = new();
    private int _started;

    [Fact]
    public async Task A_writer_that_is_paused_before_its_put_overwrites_nothing_and_acks_nothing()
    {
        var (_, old) = await OpenAsync();
        await TestLog.AppendAsync(old, 0);
        var put = _store.HoldNext();
        var late = await old.EnqueueAsync(TestLog.Entry(99), Never);
        await put.Arrived.Task;

        var other = Start();
        var next = await other.OpenWriterAsync(TestLog.Name, new Term(2), Never);
        await TestLog.AppendAsync(next, 1);
        var before = await _store.SnapshotAsync();
        put.Release.SetResult();
        await FencedAsync(() => late.Durable);
        await old.Stopped;

        var after = await _store.SnapshotAsync();
        Assert.Equal(before.Count + 1, after.Count); // it landed, under a key of its own
        Assert.All(before, o => Assert.True(after[o.Key].Span.SequenceEqual(o.Value.Span), $"{o.Key} was changed"));
        await AssertReadAsync([0, 1], next.Confirmed, other, Start());
    }

    [Fact]
    public async Task A_writer_that_is_paused_before_its_transaction_acks_nothing_although_its_block_lies_there()
    {
        var (_, old) = await OpenAsync();
        await TestLog.AppendAsync(old, 0);
        var other = Start();
        ILogWriter? next = null;
        _meta.Stall(LockKey, async () =>
        {
            next = await other.OpenWriterAsync(TestLog.Name, new Term(2), Never);
            await TestLog.AppendAsync(next, 1);
        });
        var late = await old.EnqueueAsync(TestLog.Entry(99), Never);
        await FencedAsync(() => late.Durable);
        await AssertReadAsync([0, 1], next!.Confirmed, other, Start());
        Assert.Equal(new LogPosition(0, 1), await SegmentEndAsync(0));
    }

    [Fact]
    public async Task A_reader_elsewhere_that_knew_the_segment_as_open_never_sees_what_was_not_acked()
    {
        var (_, old) = await OpenAsync();
        await TestLog.AppendAsync(old, 0);
        var stalled = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        _meta.Stall(LockKey, async () =>
        {
            stalled.SetResult();
            await goOn.Task;
        });
        var late = await old.EnqueueAsync(TestLog.Entry(99), Never);
        await stalled.Task; // its block is durable, and nobody may see it

        // The end that this reader is told lies in the next segment, so everything before it would pass as confirmed.
        var looked = _meta.LookedAtAsync(LockKey, 3);
        var reading = TestLog.ReadAsync(Start(), LogPosition.Beginning, new LogPosition(1, 1));
        await looked;
        var next = await Start().OpenWriterAsync(TestLog.Name, new Term(2), Never);
        await TestLog.AppendAsync(next, 1);
        Assert.Equal([0, 1], await reading);
        goOn.SetResult();
        await FencedAsync(() => late.Durable);
    }

    [Fact]
    public async Task A_reader_elsewhere_sees_the_last_acked_entry_without_another_behind_it()
    {
        var (_, writer) = await OpenAsync();
        await TestLog.AppendAsync(writer, 0);
        await TestLog.AppendAsync(writer, 1);
        var elsewhere = Start();
        Assert.Equal(writer.Confirmed, (await elsewhere.GetWatermarksAsync(TestLog.Name, Never)).Confirmed);
        var found = new List<int>();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await foreach (var entry in elsewhere.ReadAsync(TestLog.Name, LogPosition.Beginning, LogPosition.Max, limit.Token))
        {
            found.Add(TestLog.Number(entry));
            if (found.Count == 2)
            {
                break;
            }
        }

        Assert.Equal([0, 1], found);
    }

    [Fact]
    public async Task A_block_that_was_seen_before_it_was_confirmed_is_no_damage_when_its_reader_hears_of_that_elsewhere()
    {
        var (_, writer) = await OpenAsync();
        await TestLog.AppendAsync(writer, 0);
        var stalled = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        _meta.Stall(LockKey, async () =>
        {
            stalled.SetResult();
            await goOn.Task;
        });
        var late = await writer.EnqueueAsync(TestLog.Entry(1), Never);
        await stalled.Task; // its block is durable, and nobody may see it

        var options = TestLog.Small;
        var metadata = new Metadata.LogMetadata(_meta, options, TimeProvider.System, "reader");
        await using var backend = new Objects.ObjectBackend(_store, metadata, options, TimeProvider.System, ObjectFence.Lock);
        var segment = await SegmentAsync(0);
        await using var cursor = new Reading.SegmentCursor(TestLog.Name, segment, (await backend.OpenSegmentAsync(TestLog.Name, segment, Never))!);
        var second = new LogPosition(0, 1);
        Assert.NotNull(await cursor.NextAsync(LogPosition.Beginning, second, LogPosition.Beginning, Never));
        Assert.Null(await cursor.NextAsync(second, second, LogPosition.Beginning, Never));
        goOn.SetResult();
        await late.Durable;

        var block = await cursor.NextAsync(second, writer.Confirmed, LogPosition.Beginning, Never);
        Assert.Equal(second, block?.First);
    }

    [Fact]
    public async Task A_transaction_whose_reply_was_lost_is_recognised_as_ones_own()
    {
        var (log, writer) = await OpenAsync();
        for (var i = 0; i < 3; i++)
        {
            _meta.LoseNextReply = true;
            await TestLog.AppendAsync(writer, i);
            Assert.False(_meta.LoseNextReply);
        }

        await AssertReadAsync([0, 1, 2], writer.Confirmed, log, Start());
    }

    [Fact]
    public async Task A_lock_whose_reply_was_lost_is_held()
    {
        var (_, old) = await OpenAsync();
        await TestLog.AppendAsync(old, 0);
        _meta.Stall(LockKey, () =>
        {
            _meta.LoseNextReply = true;
            return Task.CompletedTask;
        });
        var other = Start();
        var next = await other.OpenWriterAsync(TestLog.Name, new Term(2), Never);
        Assert.False(_meta.LoseNextReply);
        await TestLog.AppendAsync(next, 1);
        await AssertReadAsync([0, 1], next.Confirmed, other);
    }

    [Fact]
    public async Task Of_two_that_fence_at_once_the_newer_term_wins_and_the_other_leaves_no_trace()
    {
        var (_, old) = await OpenAsync();
        await TestLog.AppendAsync(old, 0);
        ILogWriter? newest = null;
        var winner = Start();
        _meta.Stall(LockKey, async () => newest = await winner.OpenWriterAsync(TestLog.Name, new Term(3), Never));
        await FencedAsync(() => Start().OpenWriterAsync(TestLog.Name, new Term(2), Never).AsTask());
        await TestLog.AppendAsync(newest!, 1);
        await FencedAsync(() => TestLog.AppendAsync(old, 98));
        await AssertReadAsync([0, 1], newest!.Confirmed, winner, Start());
    }

    [Fact]
    public async Task An_ack_out_of_order_waits_for_the_one_before_and_a_failed_put_confirms_nothing_behind_it()
    {
        var (log, writer) = await OpenAsync();
        var first = _store.HoldNext();
        var one = await writer.EnqueueAsync(TestLog.Entry(0), Never);
        await first.Arrived.Task;
        var two = await writer.EnqueueAsync(TestLog.Entry(1), Never);
        await _store.PutAsync(1);
        Assert.Equal(new LogPosition(0, 0), writer.Confirmed);
        first.Fail.SetResult();
        await Assert.ThrowsAsync<MiniMilvusException>(() => one.Durable);
        await Assert.ThrowsAsync<MiniMilvusException>(() => two.Durable);
        var next = await log.OpenWriterAsync(TestLog.Name, new Term(2), Never);
        await TestLog.AppendAsync(next, 50);
        await AssertReadAsync([50], next.Confirmed, log, Start());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_confirmed_block_that_is_missing_or_damaged_is_corruption_to_the_next_writer_also_the_last_one(int block)
    {
        foreach (var isMissing in new[] { true, false })
        {
            var name = isMissing ? TestLog.Name : "other";
            var log = Start();
            await log.CreateAsync(name, Never);
            var writer = await log.OpenWriterAsync(name, new Term(1), Never);
            for (var i = 0; i < 3; i++)
            {
                await (await writer.EnqueueAsync(TestLog.Entry(i), Never)).Durable;
            }

            var key = (await _store.SnapshotAsync()).Keys.Where(k => k.StartsWith($"logs/{name}/", StringComparison.Ordinal)).Order(StringComparer.Ordinal).ElementAt(block);
            await _store.SpoilAsync(key, isMissing);
            var e = await Assert.ThrowsAsync<MiniMilvusException>(() => Start().OpenWriterAsync(name, new Term(2), Never).AsTask());
            Assert.Equal(ErrorKind.Corrupted, e.Kind);
            Assert.Contains($"log '{name}', segment 0, block {block}", e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_reader_is_told_of_a_confirmed_block_that_is_missing_and_does_not_wait_for_it()
    {
        var (_, writer) = await OpenAsync();
        for (var i = 0; i < 3; i++)
        {
            await TestLog.AppendAsync(writer, i);
        }

        await _store.SpoilAsync((await _store.SnapshotAsync()).Keys.Order(StringComparer.Ordinal).Last(), isMissing: true);
        var e = await Assert.ThrowsAsync<MiniMilvusException>(() => TestLog.ReadAsync(Start(), LogPosition.Beginning, LogPosition.Max));
        Assert.Equal(ErrorKind.Corrupted, e.Kind);
        Assert.Contains("segment 0, block 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_put_of_a_log_that_was_deleted_harms_no_log_of_its_name()
    {
        var (log, old) = await OpenAsync();
        var put = _store.HoldNext();
        var late = await old.EnqueueAsync(TestLog.Entry(99), Never);
        await put.Arrived.Task;
        await log.DeleteAsync(TestLog.Name, Never);
        Assert.Null(await _meta.GetAsync(LockKey, Never));
        await log.CreateAsync(TestLog.Name, Never);
        var next = await log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        await TestLog.AppendAsync(next, 0);
        put.Release.SetResult();
        await FencedAsync(() => late.Durable);
        await TestLog.AppendAsync(next, 1);
        await AssertReadAsync([0, 1], next.Confirmed, log, Start());
    }

    [Fact]
    public async Task Writers_of_two_kinds_refuse_each_others_open_segments()
    {
        var (_, writer) = await OpenAsync();
        await TestLog.AppendAsync(writer, 0);
        var e = await Assert.ThrowsAsync<MiniMilvusException>(() => Start(ObjectFence.ConditionalPut).OpenWriterAsync(TestLog.Name, new Term(2), Never).AsTask());
        Assert.Equal((ErrorKind.Invalid, ErrorReason.NotSupported), (e.Kind, e.Reason));

        _store.KnowsConditions = true;
        var conditional = Start(ObjectFence.ConditionalPut);
        await conditional.CreateAsync("other", Never);
        await conditional.OpenWriterAsync("other", new Term(1), Never);
        e = await Assert.ThrowsAsync<MiniMilvusException>(() => Start().OpenWriterAsync("other", new Term(2), Never).AsTask());
        Assert.Equal((ErrorKind.Invalid, ErrorReason.NotSupported), (e.Kind, e.Reason));
    }

    [Fact]
    public async Task The_first_answer_of_a_store_is_kept_and_another_one_is_refused()
    {
        var refuses = new StoreCapabilities("generic bucket 'a'", "If-None-Match: *", ConditionalPuts.NotSupported, true, "it answered 501");
        var honours = refuses with { ConditionalPuts = ConditionalPuts.Honoured, Evidence = "one won" };
        Assert.Null(await ObjectFences.FindFenceAsync(_meta, Never));
        _meta.LoseNextReply = true;
        await Assert.ThrowsAsync<MiniMilvusException>(() => ObjectFences.DecideAsync(_meta, refuses, Never).AsTask());
        Assert.Equal(ObjectFence.Lock, await ObjectFences.DecideAsync(_meta, refuses with { Store = "the same elsewhere" }, Never));
        Assert.Equal(ObjectFence.Lock, await ObjectFences.FindFenceAsync(_meta, Never));
        var e = await Assert.ThrowsAsync<MiniMilvusException>(() => ObjectFences.DecideAsync(_meta, honours, Never).AsTask());
        Assert.Equal((ErrorKind.Invalid, ErrorReason.NotSupported), (e.Kind, e.Reason));
        Assert.Contains("it answered 501", e.Message, StringComparison.Ordinal);
        Assert.Contains("one won", e.Message, StringComparison.Ordinal);

        var other = new WatchedMeta();
        Assert.Equal(ObjectFence.ConditionalPut, await ObjectFences.DecideAsync(other, honours, Never));
        await Assert.ThrowsAsync<MiniMilvusException>(() => ObjectFences.DecideAsync(other, refuses, Never).AsTask());
        await Assert.ThrowsAsync<MiniMilvusException>(() => ObjectFences.DecideAsync(new WatchedMeta(), honours with { ConditionalPuts = ConditionalPuts.Ignored }, Never).AsTask());
    }

    private static string LockKey => $"woodpecker/logs/{TestLog.Name}/lock";

    private ObjectWoodpecker Start(ObjectFence fence = ObjectFence.Lock) => new(
        _store, _meta, TestLog.Small with { ObjectAttemptsMax = 1, MetadataRetryDelay = TimeSpan.FromMilliseconds(1) }, TimeProvider.System, NoStations.Instance, $"writer-{++_started}", fence);

    private async Task<(ObjectWoodpecker Log, ILogWriter Writer)> OpenAsync()
    {
        var log = Start();
        await log.CreateAsync(TestLog.Name, Never);
        return (log, await log.OpenWriterAsync(TestLog.Name, new Term(1), Never));
    }

    private async Task<LogPosition> SegmentEndAsync(long number) => (await SegmentAsync(number)).End;

    private async Task<Metadata.LogSegmentRecord> SegmentAsync(long number)
    {
        var key = $"woodpecker/logs/{TestLog.Name}/segments/{number:D8}";
        return Metadata.RecordJson.ReadSegment(key, (await _meta.GetAsync(key, Never))!.Value.Span);
    }

    private static async Task AssertReadAsync(int[] expected, LogPosition until, params ObjectWoodpecker[] readers)
    {
        foreach (var reader in readers)
        {
            Assert.Equal(expected, await TestLog.ReadAsync(reader, LogPosition.Beginning, until));
        }
    }

    private static async Task FencedAsync(Func<Task> call) => Assert.Equal(ErrorKind.Fenced, (await Assert.ThrowsAsync<MiniMilvusException>(call)).Kind);

    /// <summary>Objects of a store that knows no conditions; a put can be held on its way.</summary>
    private sealed class PlainObjects : IObjectStore
    {
        private readonly MemoryObjectStore _inner = new();
        private readonly ConcurrentQueue<HeldPut> _holds = new();
        private readonly ConcurrentDictionary<int, TaskCompletionSource> _puts = new();
        private int _count = -1;

        public bool KnowsConditions { get; set; }

        public HeldPut HoldNext()
        {
            _count = -1;
            _holds.Enqueue(new HeldPut());
            return _holds.Last();
        }

        /// <summary>The put with this number, counted from the one that was held, has happened.</summary>
        public Task PutAsync(int number) => _puts.GetOrAdd(number, _ => new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

        public async ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
        {
            if (condition is not PutCondition.None && !KnowsConditions)
            {
                throw MiniMilvusException.Invalid(ErrorReason.NotSupported, $"put of {key}: 501");
            }

            var number = Interlocked.Increment(ref _count);
            if (_holds.TryDequeue(out var hold))
            {
                hold.Arrived.SetResult();
                if (await Task.WhenAny(hold.Release.Task, hold.Fail.Task) == hold.Fail.Task)
                {
                    throw MiniMilvusException.Unavailable("injected");
                }
            }

            var info = await _inner.PutAsync(key, content, condition, ct);
            _puts.GetOrAdd(number, _ => new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
            return info;
        }

        public async Task<Dictionary<string, ReadOnlyMemory<byte>>> SnapshotAsync()
        {
            var all = new Dictionary<string, ReadOnlyMemory<byte>>();
            await foreach (var info in _inner.ListAsync("", Never))
            {
                all[info.Key] = (await _inner.GetAsync(info.Key, Never)).ToArray();
            }

            return all;
        }

        public async Task SpoilAsync(string key, bool isMissing)
        {
            if (isMissing)
            {
                await _inner.DeleteAsync(key, Never);
                return;
            }

            var bytes = (await _inner.GetAsync(key, Never)).ToArray();
            bytes[^1] ^= 1;
            await _inner.PutAsync(key, new ReadOnlySequence<byte>(bytes), PutCondition.Always, Never);
        }

        public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) => _inner.GetAsync(key, ct);

        public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) => _inner.GetRangeAsync(key, offset, bytes, ct);

        public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) => _inner.HeadAsync(key, ct);

        public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken ct) => _inner.ListAsync(prefix, ct);

        public ValueTask DeleteAsync(string key, CancellationToken ct) => _inner.DeleteAsync(key, ct);
    }

    private sealed class HeldPut
    {
        public TaskCompletionSource Arrived { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Fail { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
