using System.Buffers;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>What a stream of appends costs on a store that charges for requests, and what it waits for (decision 4, claim 22). By a clock that is moved by hand, on one thread.</summary>
public sealed class PutPaceTests
{
    private const int Interval = 200;
    private static readonly CancellationToken Never = CancellationToken.None;

    [Fact]
    public void A_stream_of_small_appends_costs_one_put_an_interval() => Pump.Run(async () =>
    {
        var world = await World.OpenAsync(Interval);
        var pending = new List<PendingAppend>();
        for (var at = 0; at < 3000; at += 10)
        {
            pending.Add(await world.Writer.EnqueueAsync(TestLog.Entry(pending.Count), Never));
            await world.SettleAsync();
            await world.AdvanceAsync(10);
        }

        Assert.Equal(1 + (3000 / Interval), world.Puts); // at 0, 200 … 3000
        Assert.All(pending, p => Assert.True(p.Durable.IsCompletedSuccessfully));
        Assert.Equal(Enumerable.Range(0, 300), await TestLog.ReadAsync(world.Log, LogPosition.Beginning, world.Writer.Confirmed));
    });

    [Fact]
    public void With_no_interval_every_append_goes_at_once() => Pump.Run(async () =>
    {
        var world = await World.OpenAsync(0);
        for (var i = 0; i < 50; i++)
        {
            await world.AppendAsync(i);
        }

        Assert.Equal((50, 0), (world.Puts, world.Time.Armed));
    });

    [Fact]
    public void The_first_append_after_a_rest_goes_at_once_and_the_next_waits_for_the_rest_of_the_interval() => Pump.Run(async () =>
    {
        var world = await World.OpenAsync(Interval);
        for (var round = 0; round < 3; round++)
        {
            await world.AppendAsync(2 * round);
            await world.AdvanceAsync(50);
            var second = await world.Writer.EnqueueAsync(TestLog.Entry((2 * round) + 1), Never);
            await world.AdvanceAsync(Interval - 50 - 1);
            Assert.False(second.Durable.IsCompleted);
            Assert.Equal((2 * round) + 1, world.Puts);
            await world.AdvanceAsync(1);
            await second.Durable;
            await world.AdvanceAsync(Interval);
        }

        Assert.Equal(6, world.Puts);
    });

    [Fact]
    public void A_full_block_goes_at_once_with_all_that_waited() => Pump.Run(async () =>
    {
        var world = await World.OpenAsync(Interval);
        await world.AppendAsync(0);
        var small = await world.Writer.EnqueueAsync(TestLog.Entry(1), Never);
        await world.SettleAsync();
        Assert.False(small.Durable.IsCompleted);
        var large = await world.Writer.EnqueueAsync(TestLog.Entry(2, World.BlockBytes), Never);
        await Task.WhenAll(small.Durable, large.Durable);
        Assert.Equal(0, world.Elapsed);

        // And the interval begins anew: a small one behind it waits.
        var behind = await world.Writer.EnqueueAsync(TestLog.Entry(3), Never);
        await world.AdvanceAsync(Interval - 1);
        Assert.False(behind.Durable.IsCompleted);
        await world.AdvanceAsync(1);
        await behind.Durable;
    });

    [Fact]
    public void A_queue_that_is_full_goes_at_once() => Pump.Run(async () =>
    {
        var world = await World.OpenAsync(Interval, World.Options(Interval) with { QueueEntriesMax = 3 });
        var calls = Enumerable.Range(0, 20).Select(i => world.Writer.EnqueueAsync(TestLog.Entry(i), Never).AsTask()).ToList();
        await world.SettleAsync();
        Assert.All(calls, c => Assert.True(c.IsCompletedSuccessfully, "an appender waits for room while the room waits for the clock"));
        await world.AdvanceAsync(Interval);
        Assert.All(calls, c => Assert.True(c.Result.Durable.IsCompletedSuccessfully));
    });

    [Fact]
    public void The_end_of_a_segment_goes_at_once() => Pump.Run(async () =>
    {
        var world = await World.OpenAsync(Interval, World.Options(Interval) with { SegmentBytesMax = 300 });
        await world.AppendAsync(0);
        var pending = new List<PendingAppend>();
        while (pending.Count == 0 || pending[^1].Position.Segment == 0)
        {
            pending.Add(await world.Writer.EnqueueAsync(TestLog.Entry(pending.Count + 1), Never));
        }

        await world.SettleAsync();
        Assert.All(pending.SkipLast(1), p => Assert.True(p.Durable.IsCompletedSuccessfully));
        Assert.False(pending[^1].Durable.IsCompleted);
        await world.AdvanceAsync(Interval);
        await pending[^1].Durable;
    });

    [Fact]
    public void A_writer_that_is_closed_waits_for_no_clock() => Pump.Run(async () =>
    {
        var world = await World.OpenAsync(Interval);
        await world.AppendAsync(0);
        var pending = await world.Writer.EnqueueAsync(TestLog.Entry(1), Never);
        await world.SettleAsync();
        Assert.False(pending.Durable.IsCompleted);
        await world.Writer.DisposeAsync();
        Assert.True(pending.Durable.IsCompletedSuccessfully);
        Assert.Equal((0, 0), (world.Elapsed, world.Time.Armed));
    });

    [Fact]
    public void A_failure_is_told_at_once_to_what_waits_and_leaves_no_timer() => Pump.Run(async () =>
    {
        var world = await World.OpenAsync(Interval);
        world.Objects.Fails = true;
        var first = await world.Writer.EnqueueAsync(TestLog.Entry(0), Never);
        var second = await world.Writer.EnqueueAsync(TestLog.Entry(1, 100), Never);
        Assert.Equal(ErrorKind.Unavailable, (await Assert.ThrowsAsync<MiniMilvusException>(() => first.Durable)).Kind);
        Assert.Equal(ErrorKind.Unavailable, (await Assert.ThrowsAsync<MiniMilvusException>(() => second.Durable)).Kind);
        await world.Writer.Stopped;
        Assert.Equal((0, 0), (world.Elapsed, world.Time.Armed));
    });

    [Fact]
    public void A_newer_term_in_the_process_is_told_at_once_to_what_waits() => Pump.Run(async () =>
    {
        var world = await World.OpenAsync(Interval);
        await world.AppendAsync(0);
        var waits = await world.Writer.EnqueueAsync(TestLog.Entry(1), Never);
        var next = await world.Log.OpenWriterAsync(TestLog.Name, new Term(2), Never);
        Assert.Equal(ErrorKind.Fenced, (await Assert.ThrowsAsync<MiniMilvusException>(() => waits.Durable)).Kind);
        await (await next.EnqueueAsync(TestLog.Entry(2), Never)).Durable;
        Assert.Equal(0, world.Elapsed);
        Assert.Equal([0, 2], await TestLog.ReadAsync(world.Log, LogPosition.Beginning, next.Confirmed));
    });

    private sealed class World
    {
        public const int BlockBytes = 4096;
        private readonly long _began;

        private World(WoodpeckerOptions options)
        {
            _began = Time.GetTimestamp();
            Log = new ObjectWoodpecker(Objects, new DeafMetaStore(new MemoryMetaStore(Time)), options, Time, NoStations.Instance, "writer");
        }

        public ManualTime Time { get; } = new();

        public CountedPuts Objects { get; } = new();

        public ObjectWoodpecker Log { get; }

        public ILogWriter Writer { get; private set; } = null!;

        /// <summary>Blocks put so far.</summary>
        public int Puts => Objects.Puts;

        public double Elapsed => Time.GetElapsedTime(_began).TotalMilliseconds;

        public static WoodpeckerOptions Options(int interval) =>
            TestLog.Small with { SyncIntervalMax = TimeSpan.FromMilliseconds(interval), BlockBytesMax = BlockBytes, GroupBytesMax = 4 * BlockBytes, ObjectAttemptsMax = 1 };

        public static async Task<World> OpenAsync(int interval, WoodpeckerOptions? options = null)
        {
            var world = new World(options ?? Options(interval));
            await world.Log.CreateAsync(TestLog.Name, Never);
            world.Writer = await world.Log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
            return world;
        }

        public async Task AppendAsync(int number) => await (await Writer.EnqueueAsync(TestLog.Entry(number), Never)).Durable;

        public Task AdvanceAsync(int milliseconds)
        {
            Time.Advance(TimeSpan.FromMilliseconds(milliseconds));
            return SettleAsync();
        }

        /// <summary>Everything that can happen without the clock has happened: all of it runs on this thread, in turn.</summary>
        public async Task SettleAsync()
        {
            for (var turn = 0; turn < 200; turn++)
            {
                await Task.Yield();
            }
        }
    }

    private sealed class CountedPuts : IObjectStore
    {
        private readonly MemoryObjectStore _inner = new();

        public int Puts { get; private set; }

        public bool Fails { get; set; }

        public async ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
        {
            Puts++;
            await Task.Yield();
            return Fails ? throw MiniMilvusException.Unavailable("injected") : await _inner.PutAsync(key, content, condition, ct);
        }

        public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) => _inner.GetAsync(key, ct);

        public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) => _inner.GetRangeAsync(key, offset, bytes, ct);

        public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) => _inner.HeadAsync(key, ct);

        public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken ct) => _inner.ListAsync(prefix, ct);

        public ValueTask DeleteAsync(string key, CancellationToken ct) => _inner.DeleteAsync(key, ct);
    }
}
