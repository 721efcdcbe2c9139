using System.Buffers;
using System.Collections.Concurrent;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>The seam of the backends fits object storage: several puts at once, acks in order, nothing past a failure (W2), fences by taking a number.</summary>
public sealed class ObjectPutTests
{
    private static readonly CancellationToken Never = CancellationToken.None;

    [Fact]
    public async Task Puts_that_return_out_of_order_are_acked_in_order()
    {
        var (_, writer, store) = await OpenAsync();
        var pending = await ThreeBlocksAsync(writer, store);
        store.Held[Key(2)].SetResult(null);
        store.Held[Key(1)].SetResult(null);

        // An ack that came early would come within that time; one in its order has to wait for the first block.
        var wait = Task.Delay(200);
        Assert.Same(wait, await Task.WhenAny(wait, pending[1].Durable, pending[2].Durable));
        Assert.Equal(new LogPosition(0, 0), writer.Confirmed);
        store.Held[Key(0)].SetResult(null);
        await Task.WhenAll(pending.Select(p => p.Durable));
        Assert.Equal(new LogPosition(0, 3), writer.Confirmed);
    }

    [Fact]
    public async Task A_put_that_fails_in_the_middle_fails_every_later_one_although_it_is_there()
    {
        var (log, writer, store) = await OpenAsync();
        var pending = await ThreeBlocksAsync(writer, store);
        store.Held[Key(2)].SetResult(null);
        store.Held[Key(1)].SetResult(MiniMilvusException.Unavailable("injected"));
        store.Held[Key(0)].SetResult(null);
        await pending[0].Durable;
        await Assert.ThrowsAsync<MiniMilvusException>(() => pending[1].Durable);
        await Assert.ThrowsAsync<MiniMilvusException>(() => pending[2].Durable);
        await writer.Stopped;
        Assert.NotNull(await store.HeadAsync(Key(2), Never)); // it lies there, beyond a gap

        var next = await log.OpenWriterAsync(TestLog.Name, new Term(2), Never);
        await TestLog.AppendAsync(next, 50);
        Assert.Equal([0, 50], await TestLog.ReadAsync(log, LogPosition.Beginning, next.Confirmed));
    }

    [Fact]
    public async Task A_lost_reply_is_recognised_as_ones_own_put()
    {
        var (log, writer, store) = await OpenAsync(attempts: 3);
        store.LoseNext = true;
        await TestLog.AppendAsync(writer, 0);
        await TestLog.AppendAsync(writer, 1);
        Assert.False(store.LoseNext);
        Assert.Equal([0, 1], await TestLog.ReadAsync(log, LogPosition.Beginning, writer.Confirmed));
    }

    [Fact]
    public async Task A_put_on_its_way_during_a_takeover_finds_its_number_taken()
    {
        var (_, writer, store) = await OpenAsync();
        store.HoldAll = true;
        var late = await writer.EnqueueAsync(TestLog.Entry(0), Never);
        await store.ArrivedAsync(Key(0));
        store.HoldAll = false;
        var other = Start(store, "other");
        var next = await other.OpenWriterAsync(TestLog.Name, new Term(2), Never);
        store.Held[Key(0)].SetResult(null);
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => late.Durable);
        Assert.Equal(ErrorKind.Fenced, error.Kind);
        Assert.Contains("found an object of somebody else", error.Message, StringComparison.Ordinal); // the number alone refuses it
        await TestLog.AppendAsync(next, 1);
        Assert.Equal([1], await TestLog.ReadAsync(other, LogPosition.Beginning, next.Confirmed));
    }

    private static string Key(int block) => $"logs/{TestLog.Name}/00000000/{block:D8}";

    private static readonly ConcurrentDictionary<HeldObjects, IMetaStore> s_meta = new();

    private static ObjectWoodpecker Start(HeldObjects store, string writer, int attempts = 1) => new(
        store,
        s_meta.GetOrAdd(store, _ => new DeafMetaStore(new MemoryMetaStore(TimeProvider.System))),
        TestLog.Small with { ObjectAttemptsMax = attempts, ObjectRetryDelay = TimeSpan.FromMilliseconds(1), ObjectGroupsInFlightMax = 4 },
        TimeProvider.System,
        NoStations.Instance,
        writer);

    private static async Task<(ObjectWoodpecker Log, ILogWriter Writer, HeldObjects Store)> OpenAsync(int attempts = 1)
    {
        var store = new HeldObjects();
        var log = Start(store, "first", attempts);
        await log.CreateAsync(TestLog.Name, Never);
        return (log, await log.OpenWriterAsync(TestLog.Name, new Term(1), Never), store);
    }

    private static async Task<List<PendingAppend>> ThreeBlocksAsync(ILogWriter writer, HeldObjects store)
    {
        store.HoldAll = true;
        var pending = new List<PendingAppend>();
        for (var i = 0; i < 3; i++)
        {
            pending.Add(await writer.EnqueueAsync(TestLog.Entry(i), Never));
            await store.ArrivedAsync(Key(i));
        }

        store.HoldAll = false;
        return pending;
    }

    /// <summary>Puts that happen when the test says so, or fail, or lose their reply.</summary>
    private sealed class HeldObjects : IObjectStore
    {
        private readonly MemoryObjectStore _inner = new();
        private readonly ConcurrentDictionary<string, TaskCompletionSource> _arrived = new();

        public ConcurrentDictionary<string, TaskCompletionSource<Exception?>> Held { get; } = new();

        public bool HoldAll { get; set; }

        public bool LoseNext { get; set; }

        public Task ArrivedAsync(string key) => Arrival(key).Task;

        public async ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
        {
            if (HoldAll)
            {
                var held = Held.GetOrAdd(key, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
                Arrival(key).TrySetResult();
                if (await held.Task is { } failure)
                {
                    throw failure;
                }
            }

            var info = await _inner.PutAsync(key, content, condition, ct);
            if (LoseNext)
            {
                LoseNext = false;
                throw MiniMilvusException.Unavailable("injected: reply lost");
            }

            return info;
        }

        public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) => _inner.GetAsync(key, ct);

        public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) => _inner.GetRangeAsync(key, offset, bytes, ct);

        public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) => _inner.HeadAsync(key, ct);

        public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken ct) => _inner.ListAsync(prefix, ct);

        public ValueTask DeleteAsync(string key, CancellationToken ct) => _inner.DeleteAsync(key, ct);

        private TaskCompletionSource Arrival(string key) => _arrived.GetOrAdd(key, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
    }
}
