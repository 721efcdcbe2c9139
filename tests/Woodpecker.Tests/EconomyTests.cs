using System.Collections.Immutable;
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
