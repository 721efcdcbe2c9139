using System.Buffers;
using System.Runtime.CompilerServices;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>A backend that takes requests and does not answer: what the log holds meanwhile is what its configuration says.</summary>
public sealed class StalledBackendTests
{
    private const int EntryBytes = 1024;
    private static readonly WoodpeckerOptions s_options = new() { QueueBytesMax = 64 * EntryBytes, GroupBytesMax = 8 * EntryBytes, BlockBytesMax = 4 * EntryBytes, SyncIntervalMax = TimeSpan.Zero };

    [Fact]
    public async Task What_waits_for_a_stalled_backend_is_bounded_and_goes_on_in_order_when_it_answers()
    {
        var store = new StallingStore();
        await using var log = new ObjectWoodpecker(store, new MemoryMetaStore(TimeProvider.System), s_options, TimeProvider.System, NoStations.Instance, "writer");
        await log.CreateAsync(TestLog.Name, default);
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(1), default);
        var release = store.Stall();
        var accepted = new List<PendingAppend>();
        ValueTask<PendingAppend> next;
        while ((next = writer.EnqueueAsync(TestLog.Entry(accepted.Count, EntryBytes), default)).IsCompleted)
        {
            accepted.Add(await next);
            Assert.True(accepted.Count * EntryBytes <= s_options.QueueBytesMax, $"expected at most {s_options.QueueBytesMax} bytes to be taken, found {accepted.Count} entries of {EntryBytes}");
        }

        Assert.Equal(s_options.QueueBytesMax, accepted.Count * EntryBytes);
        Assert.All(accepted, a => Assert.False(a.Durable.IsCompleted));
        await store.Entered;
        Assert.InRange(store.Waiting, 1, s_options.ObjectGroupsInFlightMax * s_options.GroupBytesMax / s_options.BlockBytesMax);

        // Who waits for room can give up; who does not is served in turn.
        using var impatient = new CancellationTokenSource();
        var abandoned = writer.EnqueueAsync(TestLog.Entry(-1, EntryBytes), impatient.Token).AsTask();
        impatient.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned);

        release.SetResult();
        accepted.Add(await next);
        await accepted[^1].Durable;
        Assert.Equal(Enumerable.Range(0, accepted.Count), await TestLog.ReadAsync(log, LogPosition.Beginning, writer.Confirmed));
    }

    [Theory]
    [InlineData(DiskStepKind.Write)]
    [InlineData(DiskStepKind.Flush)]
    public async Task A_disk_that_never_answers_ends_the_role_and_what_it_does_later_harms_nobody(DiskStepKind step)
    {
        var time = new ManualTime();
        var test = new Simulated();
        var log = test.Start(time: time);
        var writer = await test.CreateAsync(log);
        await TestLog.AppendAsync(writer, 0);
        var (asleep, wakesUp) = (Signal(), Signal());
        test.Disk.OnStep = s => s.Kind == step && asleep.TrySetResult() ? new DiskFault.Held(wakesUp.Task) : null;
        var first = await writer.EnqueueAsync(TestLog.Entry(1), default);
        await asleep.Task;
        var behind = await writer.EnqueueAsync(TestLog.Entry(2), default);
        time.Advance(TestLog.Small.StepTimeMax - TimeSpan.FromMilliseconds(1));
        Assert.False(first.Durable.IsCompleted);
        await AdvanceUntilAsync(time, TestLog.Small.StepTimeMax, first.Durable);

        var e = await Assert.ThrowsAsync<MiniMilvusException>(() => first.Durable);
        Assert.Equal(ErrorKind.Unavailable, e.Kind);
        Assert.Contains(TestLog.Name, e.Message, StringComparison.Ordinal);
        Assert.Contains("does not answer", e.Message, StringComparison.Ordinal);
        Assert.Equal(ErrorKind.Unavailable, (await Assert.ThrowsAsync<MiniMilvusException>(() => behind.Durable)).Kind);
        await Assert.ThrowsAsync<MiniMilvusException>(() => writer.EnqueueAsync(TestLog.Entry(3), default).AsTask());
        await writer.Stopped; // although the disk sleeps on

        // Another term takes over; only then does the disk wake up and do what it was told.
        test.Disk.OnStep = null;
        var other = test.Start();
        var next = await other.OpenWriterAsync(TestLog.Name, new Term(2), default);
        await TestLog.AppendAsync(next, 4);
        wakesUp.SetResult();
        await log.DisposeAsync();
        var read = await TestLog.ReadAsync(test.Start(), LogPosition.Beginning, next.Confirmed);
        Assert.True(read is [0, 4] or [0, 1, 4], string.Join(' ', read)); // what was not acked may be there (W14), and nothing else
    }

    [Fact]
    public async Task A_store_that_never_answers_ends_the_role()
    {
        var time = new ManualTime();
        var store = new StallingStore();
        await using var log = new ObjectWoodpecker(store, new MemoryMetaStore(TimeProvider.System), s_options, time, NoStations.Instance, "writer");
        await log.CreateAsync(TestLog.Name, default);
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(1), default);
        var release = store.Stall();
        try
        {
            var pending = await writer.EnqueueAsync(TestLog.Entry(0), default);
            await store.Entered;
            await AdvanceUntilAsync(time, s_options.StepTimeMax, pending.Durable);
            Assert.Equal(ErrorKind.Unavailable, (await Assert.ThrowsAsync<MiniMilvusException>(() => pending.Durable)).Kind);
            await writer.Stopped; // although the store sleeps on
        }
        finally
        {
            release.SetResult();
        }
    }

    /// <summary>The step may have begun before its limit was set.</summary>
    private static async Task AdvanceUntilAsync(ManualTime time, TimeSpan by, Task ended)
    {
        for (var tries = 0; !ended.IsCompleted; tries++)
        {
            Assert.True(tries < 5000, "expected the wait to end, and it goes on for ever");
            time.Advance(by);
            await Task.Delay(1);
        }
    }

    private static TaskCompletionSource Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Objects in memory; puts wait while it is stalled.</summary>
    private sealed class StallingStore : IObjectStore
    {
        private readonly MemoryObjectStore _inner = new();
        private Task _stalled = Task.CompletedTask;
        private int _waiting;

        private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Completes when a put waits.</summary>
        public Task Entered => _entered.Task;

        public int Waiting => Volatile.Read(ref _waiting);

        public TaskCompletionSource Stall()
        {
            var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _stalled = release.Task;
            return release;
        }

        public async ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
        {
            Interlocked.Increment(ref _waiting);
            if (!_stalled.IsCompleted)
            {
                _entered.TrySetResult();
            }

            await _stalled.WaitAsync(ct);
            Interlocked.Decrement(ref _waiting);
            return await _inner.PutAsync(key, content, condition, ct);
        }

        public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) => _inner.GetAsync(key, ct);

        public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) => _inner.GetRangeAsync(key, offset, bytes, ct);

        public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) => _inner.HeadAsync(key, ct);

        public async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken ct)
        {
            await foreach (var found in _inner.ListAsync(prefix, ct))
            {
                yield return found;
            }
        }

        public ValueTask DeleteAsync(string key, CancellationToken ct) => _inner.DeleteAsync(key, ct);
    }
}
