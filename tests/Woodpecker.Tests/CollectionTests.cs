using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>The collector under crashes, failures and what others left (W11, W12).</summary>
public sealed class CollectionTests
{
    private static readonly CancellationToken Never = CancellationToken.None;

    private static WoodpeckerOptions Options => TestLog.Small with { SegmentBytesMax = 1000, TailBytesMax = 0, CollectionRetryInterval = TimeSpan.FromHours(1) };

    [Fact]
    public async Task A_crash_at_any_step_of_a_collection_leaves_what_the_next_process_collects()
    {
        var steps = 0;
        for (var survives = true; survives; steps++)
        {
            var (objects, meta) = (new DyingStore(new MemoryObjectStore()), new DyingMeta());
            var before = new ObjectWoodpecker(objects, meta, Options with { RetentionTime = TimeSpan.FromHours(1) }, TimeProvider.System, NoStations.Instance, "before");
            await before.CreateAsync(TestLog.Name, Never);
            var writer = await before.OpenWriterAsync(TestLog.Name, new Term(1), Never);
            await AppendAsync(writer, 50);
            var (all, until) = (await TestLog.ReadAsync(before, LogPosition.Beginning, writer.Confirmed), new LogPosition(3, 2));
            var collecting = new ObjectWoodpecker(objects, meta, Options, TimeProvider.System, NoStations.Instance, "collecting");

            // The process writes so often more, and then never again, not even in what it began.
            objects.Budget = meta.Budget = new StepBudget(steps);
            try
            {
                await collecting.TruncateAsync(TestLog.Name, until, Never);
                await collecting.CollectAsync(TestLog.Name, Never);
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
            {
                Assert.True(meta.Budget.IsSpent);
            }

            survives = meta.Budget.IsSpent;
            objects.Budget = meta.Budget = null;
            await using var after = new ObjectWoodpecker(objects, meta, Options, TimeProvider.System, NoStations.Instance, "after");
            await after.TruncateAsync(TestLog.Name, until, Never);
            await after.CollectAsync(TestLog.Name, Never);
            Assert.Equal([3, 4, 5, 6, 7], (await after.Backend.ListSegmentsAsync(TestLog.Name, long.MaxValue, Never)).Take(5));
            Assert.Equal(3, (await new LogMetadata(meta, Options, TimeProvider.System, "look").ListSegmentsAsync(TestLog.Name, Never))[0].Record.Number);
            var left = await TestLog.ReadAsync(after, LogPosition.Beginning, writer.Confirmed);
            Assert.Equal(all.TakeLast(left.Count), left);
            Assert.Equal(left, await TestLog.ReadAsync(after, until, writer.Confirmed));
            await collecting.DisposeAsync();
            await before.DisposeAsync();
        }

        Assert.True(steps > 8, $"only {steps} steps were hit");
    }

    [Fact]
    public async Task Bytes_without_metadata_go_only_where_they_are_proven_garbage()
    {
        await using var test = new TestLog();
        var log = test.Start(Options);
        await log.CreateAsync(TestLog.Name, Never);
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        await AppendAsync(writer, 50);
        await log.TruncateAsync(TestLog.Name, new LogPosition(4, 0), Never);
        await log.CollectAsync(TestLog.Name, Never);

        // As a deposed writer makes it that wakes up late; above all that metadata knows; a log that metadata does not know; a file of somebody else.
        string[] strange = [$"logs/{TestLog.Name}/00000001.wal", $"logs/{TestLog.Name}/00000099.wal", "logs/unknown/00000000.wal", $"logs/{TestLog.Name}/notes.txt"];
        foreach (var path in strange)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(test.Root, path))!);
            await File.WriteAllTextAsync(Path.Combine(test.Root, path), "bytes", Never);
        }

        await log.CollectAsync(TestLog.Name, Never);
        Assert.Equal([false, true, true, true], strange.Select(p => File.Exists(Path.Combine(test.Root, p))));
    }

    [Fact]
    public async Task Lost_metadata_is_no_proof_of_garbage()
    {
        await using var test = new TestLog();
        var log = test.Start(Options);
        await log.CreateAsync(TestLog.Name, Never);
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        await AppendAsync(writer, 50);
        await log.TruncateAsync(TestLog.Name, new LogPosition(2, 0), Never);
        await test.Meta.TransactAsync([], [.. Enumerable.Range(0, 6).Select(n => (MetaOperation)new MetaOperation.Delete(LogKeys.Segment(TestLog.Name, n)))], Never);
        await log.CollectAsync(TestLog.Name, Never);
        Assert.Equal([2, 3, 4, 5], (await log.Backend.ListSegmentsAsync(TestLog.Name, 6, Never)));
    }

    [Fact]
    public async Task A_look_up_that_failed_collects_nothing_and_is_told_and_tried_again()
    {
        var (objects, meta, time) = (new MemoryObjectStore(), new DyingMeta(), new ManualTime());
        var options = Options with { RetentionTime = TimeSpan.FromMinutes(1), MetadataAttemptsMax = 1 };
        await using var log = new ObjectWoodpecker(objects, meta, options, time, NoStations.Instance, "writer");
        await log.CreateAsync(TestLog.Name, Never);
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        await AppendAsync(writer, 50);
        await log.TruncateAsync(TestLog.Name, new LogPosition(3, 0), Never);
        await log.CollectAsync(TestLog.Name, Never); // whatever the background loop has begun is over: one turn at a time
        meta.RangesFail = true;
        var failed = meta.RangeFailedAsync();
        while (!failed.IsCompleted)
        {
            time.Advance(TimeSpan.FromMinutes(1)); // the loop arms its timer when it has looked
            await Task.Yield();
        }

        await Expect.KindAsync(ErrorKind.Unavailable, () => log.CollectAsync(TestLog.Name, Never).AsTask());
        Assert.Contains(0, await log.Backend.ListSegmentsAsync(TestLog.Name, long.MaxValue, Never));
        meta.RangesFail = false;
        await log.CollectAsync(TestLog.Name, Never);
        Assert.Equal(3, (await log.Backend.ListSegmentsAsync(TestLog.Name, long.MaxValue, Never))[0]);
    }

    [Fact]
    public async Task A_segment_that_an_older_version_marked_is_kept_for_the_whole_retention_time()
    {
        var (objects, meta, time) = (new MemoryObjectStore(), new MemoryMetaStore(TimeProvider.System), new ManualTime());
        await using var log = new ObjectWoodpecker(objects, new DeafMetaStore(meta), Options with { RetentionTime = TimeSpan.FromMinutes(1) }, time, NoStations.Instance, "writer");
        await log.CreateAsync(TestLog.Name, Never);
        var writer = await log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
        await AppendAsync(writer, 50);
        await log.TruncateAsync(TestLog.Name, new LogPosition(1, 0), Never);
        var key = LogKeys.Segment(TestLog.Name, 0);
        var written = Encoding.UTF8.GetString((await meta.GetAsync(key, Never))!.Value.Span);
        var older = written[..written.IndexOf(",\"truncatedAt\"", StringComparison.Ordinal)] + "}";
        await meta.TransactAsync([], [new MetaOperation.Put(key, Encoding.UTF8.GetBytes(older))], Never);
        time.Advance(TimeSpan.FromHours(1));
        await log.CollectAsync(TestLog.Name, Never);
        Assert.Contains("truncatedAt", Encoding.UTF8.GetString((await meta.GetAsync(key, Never))!.Value.Span), StringComparison.Ordinal);
        time.Advance(TimeSpan.FromMinutes(1));
        await log.CollectAsync(TestLog.Name, Never);
        Assert.Null(await meta.GetAsync(key, Never));
    }

    private static async Task AppendAsync(ILogWriter writer, int count)
    {
        for (var i = 0; i < count; i++)
        {
            await TestLog.AppendAsync(writer, i, 100);
        }
    }

    private sealed class StepBudget(int steps)
    {
        private int _left = steps;

        public bool IsSpent => Volatile.Read(ref _left) < 0;

        public void Spend()
        {
            if (Interlocked.Decrement(ref _left) < 0)
            {
                throw MiniMilvusException.Unavailable("injected: the process is dead");
            }
        }
    }

    private sealed class DyingStore(IObjectStore inner) : IObjectStore
    {
        public StepBudget? Budget { get; set; }

        public ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct) => inner.PutAsync(key, content, condition, ct);

        public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) => inner.GetAsync(key, ct);

        public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) => inner.GetRangeAsync(key, offset, bytes, ct);

        public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) => inner.HeadAsync(key, ct);

        public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken ct) => inner.ListAsync(prefix, ct);

        public ValueTask DeleteAsync(string key, CancellationToken ct)
        {
            Budget?.Spend();
            return inner.DeleteAsync(key, ct);
        }
    }

    private sealed class DyingMeta : IMetaStore
    {
        private readonly DeafMetaStore _inner = new(new MemoryMetaStore(TimeProvider.System));
        private readonly TaskCompletionSource _rangeFailed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public StepBudget? Budget { get; set; }

        public bool RangesFail { get; set; }

        public Task RangeFailedAsync() => _rangeFailed.Task;

        public ValueTask<MetaEntry?> GetAsync(string key, CancellationToken ct) => _inner.GetAsync(key, ct);

        public ValueTask<MetaRange> RangeAsync(string prefix, CancellationToken ct)
        {
            if (RangesFail)
            {
                _rangeFailed.TrySetResult();
                throw MiniMilvusException.Unavailable("injected: no answer");
            }

            return _inner.RangeAsync(prefix, ct);
        }

        public ValueTask<MetaTransactionResult> TransactAsync(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations, CancellationToken ct)
        {
            Budget?.Spend();
            return _inner.TransactAsync(compares, operations, ct);
        }

        public IAsyncEnumerable<MetaWatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct) => _inner.WatchAsync(prefix, fromRevision, ct);

        public ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => _inner.GrantLeaseAsync(timeToLive, ct);

        public ValueTask KeepAliveAsync(long lease, CancellationToken ct) => _inner.KeepAliveAsync(lease, ct);

        public ValueTask RevokeLeaseAsync(long lease, CancellationToken ct) => _inner.RevokeLeaseAsync(lease, ct);
    }
}
