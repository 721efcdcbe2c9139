using System.Collections.Immutable;
using System.Threading.Channels;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>What the log does not do: a flush for each of many entries, and anything at all when nothing is written.</summary>
public sealed class EconomyTests
{
    private const int Entries = 1_000;
    private const int Readers = 20;
    private static readonly CancellationToken Never = CancellationToken.None;

    [Fact]
    public async Task What_is_appended_during_a_flush_shares_the_next_one()
    {
        var world = new Simulated();
        await using var log = world.Start(TestLog.Small with { PreallocateBytesFirst = 1024 * 1024 });
        var writer = await world.CreateAsync(log);
        var (arrived, goOn, flushes) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), new TaskCompletionSource(), 0);
        world.Disk.OnStep = step =>
        {
            if (step.Kind != DiskStepKind.Flush || Interlocked.Increment(ref flushes) != 1)
            {
                return null;
            }

            arrived.SetResult();
            return new DiskFault.Held(goOn.Task);
        };
        var appends = new List<PendingAppend> { await writer.EnqueueAsync(TestLog.Entry(0), Never) };
        await arrived.Task;
        for (var i = 1; i < Entries; i++)
        {
            appends.Add(await writer.EnqueueAsync(TestLog.Entry(i), Never));
        }

        goOn.SetResult();
        await Task.WhenAll(appends.Select(a => a.Durable));
        Assert.Equal(2, flushes);
    }

    /// <summary>Zeros are written ahead of the data by its measure: thousands of logs that say little must not fill a disk.</summary>
    [Theory]
    [InlineData(5)]
    [InlineData(60)]
    [InlineData(600)]
    public async Task A_log_that_says_little_holds_little(int entries)
    {
        var world = new Simulated();
        await using var log = world.Start(TestLog.Small with { PreallocateBytesFirst = 1024, PreallocateBytesMax = 1 << 20, SegmentBytesMax = 1 << 22, SegmentBlocksMax = 10_000 });
        var writer = await world.CreateAsync(log);
        for (var i = 0; i < entries; i++)
        {
            await TestLog.AppendAsync(writer, i, 100);
        }

        var bytes = await world.BytesAsync(0);
        var data = bytes.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
        Assert.InRange(data, entries * 100, entries * 400);
        Assert.InRange(bytes.Length, data, data + (2 * Math.Max(1024, data)));
    }

    /// <summary>Neither the log's metadata nor its disk hears of readers that wait for the next entry, however long they wait.</summary>
    [Fact]
    public async Task Readers_that_wait_beside_an_idle_writer_ask_nobody()
    {
        var (time, meta) = (new ManualTime(), new CountingMeta());
        var disk = new SimulatedDisk(time, seed: 1);
        await using var log = new LocalWoodpecker(disk.Mount(), meta, TestLog.Small, time, NoStations.Instance, "writer");
        await log.CreateAsync(TestLog.Name, Never);
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        await TestLog.AppendAsync(writer, 0);
        var readers = Enumerable.Range(0, Readers).Select(_ => log.ReadAsync(TestLog.Name, LogPosition.Beginning, LogPosition.Max, Never).GetAsyncEnumerator(Never)).ToList();
        var waiting = new List<Task<bool>>();
        foreach (var reader in readers)
        {
            Assert.True(await reader.MoveNextAsync());
            waiting.Add(reader.MoveNextAsync().AsTask());
        }

        var before = (meta.Calls, disk.Steps);
        for (var minute = 0; minute < 5; minute++)
        {
            time.Advance(TimeSpan.FromMinutes(1));
            await Task.Yield();
        }

        Assert.Equal(before, (meta.Calls, disk.Steps));
        Assert.All(waiting, w => Assert.False(w.IsCompleted));
        await TestLog.AppendAsync(writer, 1);
        Assert.All(await Task.WhenAll(waiting), Assert.True);
        Assert.All(readers, r => Assert.Equal(1, TestLog.Number(r.Current)));
    }

    /// <summary>Each look costs a request where the log lies in objects: ever fewer, up to a bound, and what comes sets them back.</summary>
    [Fact]
    public async Task A_reader_in_another_process_looks_ever_more_rarely_until_something_comes()
    {
        var (world, time) = (new Simulated(), new PauseTime());
        await using var log = world.Start();
        var writer = await world.CreateAsync(log);
        await TestLog.AppendAsync(writer, 0);
        await TestLog.AppendAsync(writer, 1); // confirms the first for who reads elsewhere
        var options = TestLog.Small with { ForeignPollInterval = TimeSpan.FromMilliseconds(50), ForeignPollIntervalMax = TimeSpan.FromSeconds(1), ForeignPollsPerMetadataLook = 20 };
        await using var elsewhere = world.Start(options, time);
        var reader = elsewhere.ReadAsync(TestLog.Name, LogPosition.Beginning, LogPosition.Max, Never).GetAsyncEnumerator(Never);
        Assert.True(await reader.MoveNextAsync());
        var next = reader.MoveNextAsync().AsTask();
        var steps = 0L;
        foreach (var milliseconds in new[] { 50, 100, 200, 400, 800, 1000, 1000, 1000, 1000 })
        {
            var pause = await time.ArmedAsync();
            Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), pause);
            Assert.False(next.IsCompleted);
            steps = world.Disk.Steps;
            time.Pass(pause);
        }

        for (var second = 0; second < 60; second++)
        {
            time.Pass(await time.ArmedAsync());
        }

        var last = await time.ArmedAsync(); // it waits: what is appended now is found when this has passed
        Assert.True(world.Disk.Steps - steps <= 6 * 60, $"expected a few reads of the file a second, found {world.Disk.Steps - steps} in a minute");
        await AppendTwoAsync(2);
        time.Pass(last);
        Assert.True(await next);
        Assert.Equal(1, TestLog.Number(reader.Current));
        Assert.True(await reader.MoveNextAsync());
        next = reader.MoveNextAsync().AsTask();
        last = await time.ArmedAsync();
        Assert.Equal(TimeSpan.FromMilliseconds(50), last);
        await AppendTwoAsync(4);
        time.Pass(last);
        Assert.True(await next);
        Assert.Equal(3, TestLog.Number(reader.Current));
        await reader.DisposeAsync();

        async Task AppendTwoAsync(int number)
        {
            await TestLog.AppendAsync(writer, number);
            await TestLog.AppendAsync(writer, number + 1);
        }
    }

    /// <summary>A clock that tells of each pause of a reader, which lasts until the test lets it pass.</summary>
    private sealed class PauseTime : TimeProvider
    {
        private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
        private readonly ManualTime _clock = new();
        private readonly Channel<TimeSpan> _pauses = Channel.CreateUnbounded<TimeSpan>();

        public override long TimestampFrequency => _clock.TimestampFrequency;

        public override long GetTimestamp() => _clock.GetTimestamp();

        public override DateTimeOffset GetUtcNow() => _clock.GetUtcNow();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = _clock.CreateTimer(callback, state, dueTime, period);
            if (dueTime > TimeSpan.Zero && dueTime <= TimeSpan.FromSeconds(2))
            {
                _pauses.Writer.TryWrite(dueTime);
            }

            return timer;
        }

        public async Task<TimeSpan> ArmedAsync()
        {
            try
            {
                return await _pauses.Reader.ReadAsync().AsTask().WaitAsync(s_patience);
            }
            catch (TimeoutException)
            {
                throw new TimeoutException($"expected the reader to pause, and it did not in {s_patience}");
            }
        }

        public void Pass(TimeSpan pause) => _clock.Advance(pause);
    }

    private sealed class CountingMeta : IMetaStore
    {
        private readonly IMetaStore _inner = new DeafMetaStore(new MemoryMetaStore(TimeProvider.System));
        private int _calls;

        public int Calls => Volatile.Read(ref _calls);

        public ValueTask<MetaEntry?> GetAsync(string key, CancellationToken ct) => Counted().GetAsync(key, ct);

        public ValueTask<MetaRange> RangeAsync(string prefix, CancellationToken ct) => Counted().RangeAsync(prefix, ct);

        public ValueTask<MetaTransactionResult> TransactAsync(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations, CancellationToken ct) =>
            Counted().TransactAsync(compares, operations, ct);

        public IAsyncEnumerable<MetaWatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct) => Counted().WatchAsync(prefix, fromRevision, ct);

        public ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => Counted().GrantLeaseAsync(timeToLive, ct);

        public ValueTask KeepAliveAsync(long lease, CancellationToken ct) => Counted().KeepAliveAsync(lease, ct);

        public ValueTask RevokeLeaseAsync(long lease, CancellationToken ct) => Counted().RevokeLeaseAsync(lease, ct);

        private IMetaStore Counted()
        {
            Interlocked.Increment(ref _calls);
            return _inner;
        }
    }
}
