using System.Collections.Immutable;
using Microsoft.Extensions.Logging.Abstractions;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.DataNode.Flush;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.DataNode.Tests.Support;

/// <summary>One pchannel, its catalogue and stores, and the data nodes that come and go. Waits are on changes of the catalogue, with a limit.</summary>
internal sealed class World : IAsyncDisposable, IComputePool, ISealRequester, IStationSink
{
    public static readonly PChannel PChannel = new("p0");
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly CancellationTokenSource _stop = new();
    private readonly MemoryMetaStore _meta = new(TimeProvider.System, 1_000_000);
    private readonly Task _view;
    private long _segment = 1;

    public World(TimeProvider? time = null)
    {
        Time = time ?? TimeProvider.System;
        View = new CatalogView(_meta, TimeProvider.System);
        Coordinator = new FakeCoordinator(_meta);
        _view = View.RunAsync(_stop.Token);
    }

    public TimeProvider Time { get; }
    public FakeLog Log { get; } = new(PChannel);
    public MemoryObjectStore Objects { get; } = new();
    public CatalogView View { get; }
    public FakeCoordinator Coordinator { get; }
    public System.Collections.Concurrent.ConcurrentQueue<StationEvent> Events { get; } = new();
    public Func<VChannel, CollectionId, ValueTask> OnSeal { get; set; } = (_, _) => default;
    public bool IsEnabled => true;

    public DataNodeOptions Options { get; set; } = new()
    {
        PChannels = [PChannel],
        CheckpointInterval = TimeSpan.FromMilliseconds(1),
        IdleCheckpointInterval = TimeSpan.FromMilliseconds(2),
        RetryDelayMin = TimeSpan.FromMilliseconds(1),
        RetryDelayMax = TimeSpan.FromMilliseconds(4),
    };

    public void Emit(in StationEvent value) => Events.Enqueue(value);

    public Task<T> RunAsync<T>(Func<T> work, CancellationToken ct) => Task.FromResult(work());

    public ValueTask RequestSealAsync(VChannel channel, CollectionId collection, CancellationToken ct) => OnSeal(channel, collection);

    /// <summary>A collection with one shard: Int64 key, vectors of 8 floats.</summary>
    public async Task<VChannel> CreateCollectionAsync(long id, params IndexRecord[] indexes)
    {
        var shard = VChannel.Of(PChannel, new CollectionId(id), 0);
        var record = new CollectionRecord
        {
            Id = new CollectionId(id),
            Database = "default",
            Name = $"c{id}",
            Schema = Schema,
            State = DdlState.Created,
            Channels = [shard],
            Partitions = [new PartitionRecord(new PartitionId(1), "_default", DdlState.Created, Timestamp.Zero)],
            Indexes = [.. indexes],
            CreatedAt = Timestamp.Zero,
            UpdatedAt = Timestamp.Zero,
        };
        await Coordinator.PutAsync(CatalogKeys.Collection(record.Id), CatalogCodec.Encode(record));
        Log.Append(shard, new CreateCollectionBody(record.Id, record.Schema));
        return shard;
    }

    public static CollectionSchema Schema { get; } = new()
    {
        Name = "c",
        Fields =
        [
            new FieldSchema { Id = FakeLog.Key, Name = "id", Type = DataType.Int64, IsPrimaryKey = true },
            new FieldSchema { Id = FakeLog.Vector, Name = "v", Type = DataType.FloatVector, Dim = 8 },
        ],
    };

    /// <summary>A growing segment: registered, then in the log.</summary>
    public async Task<SegmentId> CreateSegmentAsync(VChannel shard, long partition = 1)
    {
        var id = new SegmentId(_segment++);
        var record = new SegmentRecord { Id = id, Collection = CollectionOf(shard), Partition = new PartitionId(partition), Channel = shard, State = SegmentState.Growing };
        await Coordinator.PutAsync(CatalogKeys.Segment(record.Collection, id), CatalogCodec.Encode(record));
        Log.Append(shard, new CreateSegmentBody(record.Collection, record.Partition, id, 1));
        return id;
    }

    public static InsertBody Insert(VChannel shard, SegmentId segment, params long[] keys) =>
        new(CollectionOf(shard), new PartitionId(1), segment, 1, FakeLog.Rows(8, keys));

    public static DeleteBody Delete(VChannel shard, params long[] keys) => new(CollectionOf(shard), PartitionId.All, FakeLog.Keys(keys));

    public static FlushBody Flush(VChannel shard, SegmentId segment) => new(CollectionOf(shard), segment);

    /// <summary>Seals the given segments and waits until a user's Flush would return.</summary>
    public async Task ManualFlushAsync(VChannel shard, params SegmentId[] segments)
    {
        foreach (var segment in segments)
        {
            Log.Append(shard, Flush(shard, segment));
        }

        var tick = Log.Append(shard, new ManualFlushBody(CollectionOf(shard), [.. segments]));
        await UntilAsync(s => IsFlushed(s, shard, tick));
    }

    public static bool IsFlushed(CatalogSnapshot s, VChannel shard, Timestamp tick) => s.CheckpointOf(shard) is { } checkpoint && checkpoint.Tick >= tick;

    public static CollectionId CollectionOf(VChannel shard) => new(long.Parse(shard.Name.Split('_')[^1].Split('v')[0], System.Globalization.CultureInfo.InvariantCulture));

    public async Task<CatalogSnapshot> UntilAsync(Func<CatalogSnapshot, bool> holds)
    {
        using var limit = new CancellationTokenSource(Limit);
        var snapshot = View.Current;
        while (!holds(snapshot))
        {
            snapshot = await View.ChangedAsync(snapshot.Revision, limit.Token);
        }

        return snapshot;
    }

    public Node Start(Func<string, int, Fault>? plan = null) => new(this, plan ?? ((_, _) => Fault.None));

    public async ValueTask DisposeAsync()
    {
        _stop.Cancel();
        await Record.ExceptionAsync(() => _view);
        _meta.Dispose();
        _stop.Dispose();
    }
}

/// <summary>A running data node.</summary>
internal sealed class Node : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop;

    public Node(World world, Func<string, int, Fault> plan)
    {
        Life = new Incarnation(world.Coordinator, world.Objects, plan);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(Life.Dead);
        Role = new DataNodeRole(world.Log, Life, world.View, Life, world, world, world.Time, world, NullLoggerFactory.Instance, world.Options);
        Ended = Role.RunAsync(_stop.Token);
    }

    public Incarnation Life { get; }
    public DataNodeRole Role { get; }
    public Task Ended { get; }

    /// <summary>Stops it and throws what it failed with, if it failed.</summary>
    public async ValueTask DisposeAsync()
    {
        _stop.Cancel();
        var error = await Record.ExceptionAsync(() => Ended.WaitAsync(TimeSpan.FromSeconds(30)));
        Role.Dispose();
        Life.Dispose();
        _stop.Dispose();
        Assert.True(error is null or OperationCanceledException, $"the data node failed: {error}");
    }
}
