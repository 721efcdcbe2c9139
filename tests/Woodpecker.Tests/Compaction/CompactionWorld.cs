using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Compaction;
using MiniMilvus.Woodpecker.Inspection;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Tests.Compaction;

/// <summary>
/// A bucket, metadata, and processes over both, one of which may have a fault. What compaction must never do (an index before its parts, a
/// block deleted before its segment is Sealed) is looked for at every request.
/// </summary>
internal sealed class CompactionWorld(ObjectFence fence = ObjectFence.ConditionalPut) : IAsyncDisposable
{
    /// <summary>A block for each entry, and a segment for so many.</summary>
    public const int SegmentEntries = 12;
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly List<ObjectWoodpecker> _processes = [];
    private readonly List<CompactionFaults> _faults = [];
    private readonly ConcurrentDictionary<(string What, long Segment), TaskCompletionSource> _seen = new();
    private readonly ConcurrentQueue<string> _violations = new();

    public MemoryObjectStore Objects { get; } = new();

    public IMetaStore Meta { get; } = new DeafMetaStore(new MemoryMetaStore(TimeProvider.System));

    public static WoodpeckerOptions Options => TestLog.Small with
    {
        BlockBytesMax = 150, SegmentBlocksMax = SegmentEntries, CompactsSegments = true, CompactionPartBytesMax = 1000, CompactionGrace = TimeSpan.Zero, CompactionBytesPerSecondMax = 0,
        CompactionRetryDelay = TimeSpan.FromMilliseconds(1), ObjectAttemptsMax = 2, ObjectRetryDelay = TimeSpan.FromMilliseconds(1),
        MetadataAttemptsMax = 3, MetadataRetryDelay = TimeSpan.FromMilliseconds(1), SealedReadBytes = 500,
    };

    public ObjectWoodpecker Start(CompactionFaults? faults = null, WoodpeckerOptions? options = null)
    {
        if (faults is not null)
        {
            _faults.Add(faults);
        }

        var process = new ObjectWoodpecker(new Store(this, faults), new Metadata(this, faults), options ?? Options, TimeProvider.System, NoStations.Instance, $"writer-{_processes.Count}", fence);
        _processes.Add(process);
        return process;
    }

    /// <summary>A process that only reads.</summary>
    public ObjectWoodpecker StartReader() => Start(options: Options with { CompactsSegments = false });

    public async Task<ILogWriter> CreateAsync(ObjectWoodpecker log)
    {
        await log.CreateAsync(TestLog.Name, Never);
        return await log.OpenWriterAsync(TestLog.Name, new Term(1), Never);
    }

    public static async Task AppendAsync(ILogWriter writer, int from, int count)
    {
        for (var i = from; i < from + count; i++)
        {
            await TestLog.AppendAsync(writer, i, 150);
        }
    }

    public Task SealedAsync(long segment) => SeenAsync("sealed", segment);

    public Task SweptAsync(long segment) => SeenAsync("swept", segment);

    public async Task<List<string>> KeysAsync(long segment) =>
        [.. (await Objects.ListAsync($"logs/{TestLog.Name}/{segment:D8}/", Never).ToListAsync()).Select(o => o.Key.Split('/', 4)[3])];

    public async Task<LogSegmentRecord?> RecordAsync(long segment)
    {
        var key = LogKeys.Segment(TestLog.Name, segment);
        return await Meta.GetAsync(key, Never) is { } entry ? RecordJson.ReadSegment(key, entry.Value.Span) : null;
    }

    public async Task<List<BlockInspection>> InspectAsync(bool metadata, bool payloads = true)
    {
        var inspector = new LogInspector(Objects, async ct => metadata ? await Meta.RangeAsync("", ct) : null, new WoodpeckerOptions(), TimeProvider.System);
        var blocks = new List<BlockInspection>();
        await foreach (var log in inspector.InspectAllAsync(Never))
        {
            foreach (var segment in log.Segments)
            {
                blocks.AddRange(await inspector.BlocksAsync(log, segment, payloads, Never).ToListAsync());
            }
        }

        return blocks;
    }

    /// <summary>Entries of the first segment read from every place, everything inspected with and without metadata, and nothing done too early.</summary>
    public async Task CheckAsync(string when, int entries, LogPosition until)
    {
        Assert.True(_violations.IsEmpty, $"{when}: {string.Join("; ", _violations)}");
        var reader = StartReader();
        Assert.Equal(Enumerable.Range(0, entries), await TestLog.ReadAsync(reader, LogPosition.Beginning, until));
        Assert.Equal(Enumerable.Range(7, entries - 7), await TestLog.ReadAsync(reader, new LogPosition(0, 7), until));
        foreach (var metadata in new[] { true, false })
        {
            var blocks = await InspectAsync(metadata);
            Assert.All(blocks, b => Assert.True(b.Verdict != BlockVerdict.Damaged, $"{when}, metadata {metadata}: {b.Where}: {b.Problem}"));
            Assert.Equal(Enumerable.Range(0, entries), blocks.SelectMany(b => b.Entries).Select(TestLog.Number).Take(entries));
        }
    }

    public async Task CheckSweptAsync(string when, long segment)
    {
        var keys = await KeysAsync(segment);
        var record = await RecordAsync(segment);
        Assert.True(record is { State: LogSegmentState.Sealed, IsSwept: true }, $"{when}: {record}");
        Assert.All(keys, key => Assert.StartsWith($"sealed-{record!.SealedAs}/", key, StringComparison.Ordinal));
        Assert.Contains($"sealed-{record!.SealedAs}/index", keys);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var faults in _faults)
        {
            faults.Open();
            faults.Release();
        }

        foreach (var process in _processes)
        {
            await process.DisposeAsync();
        }
    }

    private TaskCompletionSource Seen(string what, long segment) => _seen.GetOrAdd((what, segment), static _ => new(TaskCreationOptions.RunContinuationsAsynchronously));

    private async Task SeenAsync(string what, long segment)
    {
        try
        {
            await Seen(what, segment).Task.WaitAsync(TimeSpan.FromSeconds(30));
        }
        catch (TimeoutException)
        {
            Assert.Fail($"segment {segment} was not {what}: {string.Join("; ", _processes.Select(p => p.Compaction))}");
        }
    }

    private async Task CheckPutAsync(string key, ReadOnlySequence<byte> content)
    {
        // One that wakes up when the segment has long been sealed finds its parts cleared away.
        if (Woodpecker.Objects.ObjectPaths.ParseSealed(key) is { Name: Woodpecker.Objects.ObjectPaths.IndexName } form && await RecordAsync(form.Segment) is { State: LogSegmentState.Completed })
        {
            var index = SealedIndex.Decode(content.ToArray(), form.Log, form.Segment, key);
            for (var part = 0; part < index.Parts; part++)
            {
                if (await Objects.HeadAsync(Woodpecker.Objects.ObjectPaths.SealedPart(form.Log, form.Segment, form.Copy, part), Never) is null)
                {
                    _violations.Enqueue($"the index {key} was put before part {part}");
                }
            }
        }
    }

    private async Task CheckDeleteAsync(string key)
    {
        if (Woodpecker.Objects.ObjectPaths.ParseBlock(key) is { } block && await RecordAsync(block.Segment) is { State: LogSegmentState.Active or LogSegmentState.Completed } record)
        {
            _violations.Enqueue($"the block {key} was deleted while its segment was {record.State}");
        }
    }

    private void Note(ImmutableArray<MetaOperation> operations)
    {
        foreach (var put in operations.OfType<MetaOperation.Put>().Where(p => p.Key.Contains("/segments/", StringComparison.Ordinal)))
        {
            var record = RecordJson.ReadSegment(put.Key, put.Value.Span);
            if (record.SealedAs is not null)
            {
                Seen("sealed", record.Number).TrySetResult();
            }

            if (record.IsSwept)
            {
                Seen("swept", record.Number).TrySetResult();
            }
        }
    }

    private sealed class Store(CompactionWorld world, CompactionFaults? faults) : IObjectStore
    {
        public async ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
        {
            var bytes = new ReadOnlySequence<byte>(content.ToArray());
            return await StepAsync(key.EndsWith("/index", StringComparison.Ordinal) ? "put index" : "put part", key.Contains("/sealed-", StringComparison.Ordinal), async () =>
            {
                await world.CheckPutAsync(key, bytes);
                return await world.Objects.PutAsync(key, bytes, condition, Never);
            });
        }

        public async ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) =>
            await StepAsync("get", true, () => world.Objects.GetAsync(key, ct).AsTask());

        public async ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) =>
            await StepAsync("get", true, () => world.Objects.GetRangeAsync(key, offset, bytes, ct).AsTask());

        public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) => world.Objects.HeadAsync(key, ct);

        public async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
        {
            foreach (var info in await StepAsync("list", true, async () => await world.Objects.ListAsync(prefix, ct).ToListAsync(ct)))
            {
                yield return info;
            }
        }

        public async ValueTask DeleteAsync(string key, CancellationToken ct) => await StepAsync("delete", true, async () =>
        {
            await world.CheckDeleteAsync(key);
            await world.Objects.DeleteAsync(key, Never);
            return true;
        });

        private Task<T> StepAsync<T>(string name, bool isStep, Func<Task<T>> apply)
        {
            faults?.RequireAlive();
            return faults is null || !isStep ? apply() : faults.StepAsync(name, apply);
        }
    }

    private sealed class Metadata(CompactionWorld world, CompactionFaults? faults) : IMetaStore
    {
        public async ValueTask<MetaTransactionResult> TransactAsync(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations, CancellationToken ct)
        {
            faults?.RequireAlive();
            var text = string.Concat(operations.OfType<MetaOperation.Put>().Select(p => Encoding.UTF8.GetString(p.Value.Span)));
            var name = text.Contains("isSwept", StringComparison.Ordinal) ? "note swept" : text.Contains("\"Sealed\"", StringComparison.Ordinal) ? "seal" : null;
            return faults is null || name is null ? await ApplyAsync() : await faults.StepAsync(name, ApplyAsync);

            async Task<MetaTransactionResult> ApplyAsync()
            {
                var result = await world.Meta.TransactAsync(compares, operations, Never);
                if (result.Succeeded)
                {
                    world.Note(operations);
                }

                return result;
            }
        }

        public ValueTask<MetaEntry?> GetAsync(string key, CancellationToken ct)
        {
            faults?.RequireAlive();
            return world.Meta.GetAsync(key, ct);
        }

        public ValueTask<MetaRange> RangeAsync(string prefix, CancellationToken ct)
        {
            faults?.RequireAlive();
            return world.Meta.RangeAsync(prefix, ct);
        }

        public IAsyncEnumerable<MetaWatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct) => world.Meta.WatchAsync(prefix, fromRevision, ct);

        public ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => world.Meta.GrantLeaseAsync(timeToLive, ct);

        public ValueTask KeepAliveAsync(long lease, CancellationToken ct) => world.Meta.KeepAliveAsync(lease, ct);

        public ValueTask RevokeLeaseAsync(long lease, CancellationToken ct) => world.Meta.RevokeLeaseAsync(lease, ct);
    }
}
