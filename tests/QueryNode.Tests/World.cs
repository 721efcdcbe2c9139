using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Vectors;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>A query node with everything around it in memory: one collection, a log that the test writes, a catalogue that the test edits.</summary>
internal sealed class World : IAsyncDisposable
{
    public const int Dim = 8;
    public static readonly FieldId Id = new(100);
    public static readonly FieldId Age = new(101);
    public static readonly FieldId Vector = new(102);
    public static readonly FieldId Meta = new(103);
    public static readonly CollectionId Collection = new(5);
    public static readonly PartitionId Partition = new(50);
    public static readonly PartitionId Other = new(51);
    private static readonly PChannel s_pchannel = new("p");
    private readonly CancellationTokenSource _stop = new();
    private readonly MemoryMetaStore _meta;
    private readonly Dictionary<SegmentId, List<(RowBatch Rows, ulong Tick, LogPosition Position)>> _written = [];
    private readonly Task _catalogRun;
    private Task _nodeRun = Task.CompletedTask;

    private World(int shards, QueryNodeOptions? options, TimeSpan loadWait)
    {
        Options = (options ?? new QueryNodeOptions()) with { LoadWait = loadWait };
        _meta = new MemoryMetaStore(Time);
        Files = new WatchedObjects(Objects);
        Catalog = new CatalogView(_meta, Time);
        Channels = [.. Enumerable.Range(0, shards).Select(i => VChannel.Of(s_pchannel, Collection, i))];
        Base = (ulong)Time.GetUtcNow().ToUnixTimeMilliseconds() << Timestamp.LogicalBits;
        _catalogRun = Catalog.RunAsync(_stop.Token);
        Node = NewNode();
    }

    public QueryNodeOptions Options { get; }
    public ManualTime Time { get; } = new();
    public FakeLog Log { get; } = new();
    public MemoryObjectStore Objects { get; } = new();
    /// <summary>The objects as the node sees them.</summary>
    public WatchedObjects Files { get; }
    /// <summary>Where the node searches and loads.</summary>
    public TestPool Pool { get; } = new();
    public CatalogView Catalog { get; }
    public FakeCoordinator Coordinator { get; } = new();
    public Journal Journal { get; private set; } = new();
    public ImmutableArray<VChannel> Channels { get; }
    public QueryNodeRole Node { get; private set; }
    /// <summary>Ticks of tests are small numbers above this.</summary>
    public ulong Base { get; }

    public static CollectionSchema Schema { get; } = new()
    {
        Name = "c",
        EnableDynamicField = true,
        Fields =
        [
            new FieldSchema { Id = Id, Name = "id", Type = DataType.Int64, IsPrimaryKey = true },
            new FieldSchema { Id = Age, Name = "age", Type = DataType.Int32, IsNullable = true },
            new FieldSchema { Id = Vector, Name = "v", Type = DataType.FloatVector, Dim = Dim },
            new FieldSchema { Id = Meta, Name = "$meta", Type = DataType.Json, IsDynamic = true },
        ],
    };

    public CollectionRecord Record { get; private set; } = null!;

    public static async Task<World> StartAsync(int shards = 1, QueryNodeOptions? options = null, bool load = true, bool run = true, TimeSpan loadWait = default)
    {
        var world = new World(shards, options, loadWait);
        await world.PutAsync(new CollectionRecord
        {
            Id = Collection, Database = "default", Name = "c", Schema = Schema, State = DdlState.Created, Channels = world.Channels,
            Partitions = [new PartitionRecord(Partition, "_default", DdlState.Created, default), new PartitionRecord(Other, "other", DdlState.Created, default)],
            Indexes = [new IndexRecord { Id = 9, Name = "v", Field = Vector, IndexType = "HNSW", Metric = MetricType.L2 }],
            CreatedAt = default, UpdatedAt = default, IsLoaded = load,
        });
        if (run)
        {
            world.Run();
        }

        return world;
    }

    public void Run() => _nodeRun = Node.RunAsync(_stop.Token);

    /// <summary>Started, with a first tick, ready to answer.</summary>
    public static async Task<World> ReadyAsync(int shards = 1, QueryNodeOptions? options = null)
    {
        var world = await StartAsync(shards, options);
        world.Tick(1);
        await world.Journal.WaitAsync(6001, shards);
        return world;
    }

    /// <summary>A second node over the same log, files and catalogue.</summary>
    public QueryNodeRole NewNode()
    {
        Journal = new Journal();
        return new QueryNodeRole(Log, Catalog, Files, Coordinator, Pool, new TestPool(), Time, NoStations.Instance, Journal, Options);
    }

    public Task RunNode(QueryNodeRole node) => node.RunAsync(_stop.Token);

    public async Task PutAsync(CollectionRecord record)
    {
        Record = record;
        await PutAsync(CatalogKeys.Collection(record.Id), CatalogCodec.Encode(record));
    }

    public async Task PutAsync(string key, ReadOnlyMemory<byte> value)
    {
        var result = await _meta.TransactAsync([], [new MetaOperation.Put(key, value)], default);
        await Catalog.WaitForRevisionAsync(result.Revision, default);
    }

    /// <summary>Several keys in one transaction, as a compaction commits.</summary>
    public async Task PutAllAsync(params (string Key, ReadOnlyMemory<byte> Value)[] puts)
    {
        var result = await _meta.TransactAsync([], [.. puts.Select(p => new MetaOperation.Put(p.Key, p.Value))], default);
        await Catalog.WaitForRevisionAsync(result.Revision, default);
    }

    /// <summary>
    /// What a compaction of the data node leaves: the output's files with all rows of the inputs but the purged ones, and its record, in which the
    /// inputs are as given.
    /// </summary>
    public async Task<SegmentRecord> WriteCompactedAsync(long output, IReadOnlyList<long> inputs, IReadOnlyList<long>? purged = null, ulong purgedUntil = 0, LogPosition deletesUntil = default)
    {
        var id = new SegmentId(output);
        _written[id] = [.. inputs.SelectMany(i => _written[new SegmentId(i)]).OrderBy(b => b.Tick).Select(b => (b.Rows.Take([.. Enumerable.Range(0, b.Rows.Count)
            .Where(r => purged?.Contains(b.Rows.KeyAt(r).Number) != true)]), b.Tick, b.Position))];
        return await WriteFilesAsync(output) with
        {
            CompactedFrom = [.. inputs.Select(i => new SegmentId(i))], DeletesUntil = deletesUntil, PurgedUntil = new Timestamp(purgedUntil == 0 ? 0 : Base + purgedUntil),
        };
    }

    /// <summary>The flip: the output flushed, the inputs compacted, in one transaction.</summary>
    public Task FlipAsync(SegmentRecord output, params SegmentRecord[] inputs) => PutAllAsync([
        (CatalogKeys.Segment(Collection, output.Id), CatalogCodec.Encode(output)),
        .. inputs.Select(i => (CatalogKeys.Segment(Collection, i.Id), CatalogCodec.Encode(i with { State = SegmentState.Compacted, CompactedTo = output.Id }))),
    ]);

    /// <summary>An output appears in the transaction in which the records of others go.</summary>
    public async Task ForgetAsync(SegmentRecord output, params SegmentId[] gone)
    {
        var result = await _meta.TransactAsync([], [
            new MetaOperation.Put(CatalogKeys.Segment(Collection, output.Id), CatalogCodec.Encode(output)),
            .. gone.Select(id => new MetaOperation.Delete(CatalogKeys.Segment(Collection, id)))], default);
        await Catalog.WaitForRevisionAsync(result.Revision, default);
    }

    public async Task DeleteKeyAsync(string key)
    {
        var result = await _meta.TransactAsync([], [new MetaOperation.Delete(key)], default);
        await Catalog.WaitForRevisionAsync(result.Revision, default);
    }

    public static float[] VectorOf(long key, int version = 0)
    {
        var random = new Random((int)(key * 31) + version);
        return [.. Enumerable.Range(0, Dim).Select(_ => (random.NextSingle() * 2) - 1)];
    }

    public static RowBatch Rows(IReadOnlyList<long> keys, int version = 0) => new(Id,
    [
        new ScalarColumn<long>(Id, DataType.Int64, keys.ToArray()),
        new ScalarColumn<int>(Age, DataType.Int32, keys.Select(k => (int)(k % 100)).ToArray(), keys.Select(k => k % 10 != 9).ToArray()),
        new FloatVectorColumn(Vector, Dim, keys.SelectMany(k => VectorOf(k, version)).ToArray()),
        new JsonColumn(Meta, keys.Select(k => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes($$"""{"color":"{{(k % 2 == 0 ? "red" : "blue")}}","version":{{version}}}""")).ToArray()),
    ]);

    public LogMessage Insert(ulong tick, IReadOnlyList<long> keys, int shard = 0, long segment = 1, int version = 0, PartitionId? partition = null, ulong begin = 0)
    {
        var rows = Rows(keys, version);
        var body = new InsertBody(Collection, partition ?? Partition, new SegmentId(segment), 1, rows);
        var message = begin == 0 ? Log.Append(Channels[shard], Base + tick, body) : Log.Append(Channels[shard], Base + begin, body, Base + tick);
        (_written.TryGetValue(new SegmentId(segment), out var list) ? list : _written[new SegmentId(segment)] = []).Add((rows, Base + tick, message.Position));
        return message;
    }

    public LogMessage Delete(ulong tick, IReadOnlyList<long> keys, int shard = 0, PartitionId? partition = null, ulong begin = 0)
    {
        var body = new DeleteBody(Collection, partition ?? PartitionId.All, new ScalarColumn<long>(Id, DataType.Int64, keys.ToArray()));
        return begin == 0 ? Log.Append(Channels[shard], Base + tick, body) : Log.Append(Channels[shard], Base + begin, body, Base + tick);
    }

    public void Tick(ulong tick) => Log.Tick(s_pchannel, Base + tick);

    /// <summary>Writes the files of a segment with all rows that the log gave it, as the data node would.</summary>
    public async Task<SegmentRecord> WriteFilesAsync(long segment, int shard = 0, PartitionId? partition = null)
    {
        var id = new SegmentId(segment);
        var batches = _written[id];
        var keys = batches.SelectMany(b => Enumerable.Range(0, b.Rows.Count).Select(i => (Key: b.Rows.KeyAt(i).Number, b.Tick, Rows: b.Rows, i))).ToList();
        var rows = new RowBatch(Id,
        [
            .. batches[0].Rows.Columns.Select(c => Concat([.. batches.Select(b => b.Rows.Find(c.Field)!)])),
        ]);
        var ticks = keys.Select(k => (long)k.Tick).ToArray();
        var origin = new SegmentOrigin(id, Collection, partition ?? Partition, Channels[shard], 1, new Term(1), segment, batches[0].Position, batches[^1].Position.Next);
        var (manifest, path) = await SegmentWriter.WriteAsync(Objects, origin, rows, ticks, default);
        return new SegmentRecord
        {
            Id = id, Collection = Collection, Partition = partition ?? Partition, Channel = Channels[shard], State = SegmentState.Flushed, Rows = rows.Count,
            ManifestPath = path, Start = origin.Start, End = origin.End, MinTick = manifest.MinTick, MaxTick = manifest.MaxTick,
        };
    }

    public async Task<SegmentRecord> FlushAsync(long segment, int shard = 0, PartitionId? partition = null)
    {
        var record = await WriteFilesAsync(segment, shard, partition);
        await PutAsync(CatalogKeys.Segment(Collection, record.Id), CatalogCodec.Encode(record));
        return record;
    }

    /// <summary>Builds a segment's index, writes its file and commits it.</summary>
    /// <param name="damage">What becomes of the file's bytes; null = there is no file.</param>
    public async Task<string> IndexAsync(SegmentRecord record, bool quantize = false, long attempt = 1, Func<byte[], byte[]?>? damage = null, bool isOld = false, SegmentId? of = null)
    {
        var reader = await SegmentReader.OpenAsync(Objects, record.ManifestPath, default);
        var column = (FloatVectorColumn)await reader.ReadColumnAsync(Vector, default);
        var graph = HnswGraph.Build(new ContiguousVectors(new VectorSpace(MetricType.L2, Dim), column.Values), new HnswOptions(), default);
        var old = new ArrayBufferWriter<byte>();
        graph.WriteTo(old);
        var content = new ReadOnlySequence<byte>(isOld ? old.WrittenMemory : graph.Seal(quantize));
        var path = ObjectPaths.IndexFile(Collection, record.Partition, record.Id, 9, attempt);
        var file = IndexFile.Encode(9, reader.Indexed(Vector) with { Segment = of ?? record.Id }, content).ToArray();
        if ((damage is null ? file : damage(file)) is { } bytes)
        {
            await Objects.PutAsync(path, new ReadOnlySequence<byte>(bytes), PutCondition.Always, default);
        }

        var indexed = record with { Indexes = [new SegmentIndexRecord(9, Vector, path, file.Length)] };
        await PutAsync(CatalogKeys.Segment(Collection, record.Id), CatalogCodec.Encode(indexed));
        return path;
    }

    public async Task CheckpointAsync(LogPosition position, ulong tick, int shard = 0) => await PutAsync(
        CatalogKeys.Checkpoint(Channels[shard]), CatalogCodec.Encode(new ChannelCheckpoint(Channels[shard], position, new Timestamp(Base + tick), new Term(1))));

    public async Task DeleteFileAsync(long id, IReadOnlyList<(long Key, ulong Tick)> deletes, LogPosition until, int shard = 0, LogPosition from = default)
    {
        var batch = new DeleteBatch(Collection, from, until, new ScalarColumn<long>(Id, DataType.Int64, deletes.Select(d => d.Key).ToArray()),
            deletes.Select(d => (long)(Base + d.Tick)).ToArray(), deletes.Select(_ => -1L).ToArray());
        var path = ObjectPaths.DeleteFile(Collection, Channels[shard], id);
        await DeleteFile.WriteAsync(Objects, path, batch, default);
        var record = new DeleteFileRecord(id, Channels[shard], Collection, path, deletes.Count, batch.From, until, batch.MaxTick);
        await PutAsync(CatalogKeys.DeleteFile(Collection, Channels[shard], id), CatalogCodec.Encode(record));
    }

    public async Task<SearchResult> SearchAsync(ulong guarantee, float[] query, int k = 10, string filter = "", Func<SearchRequest, SearchRequest>? change = null, QueryNodeRole? node = null, bool absolute = false)
    {
        var request = new SearchRequest
        {
            Collection = Collection, Channels = Channels, VectorField = Vector, Metric = MetricType.L2, TopK = k, Queries = query, QueryCount = query.Length / Dim, Filter = filter,
            Guarantee = new Timestamp(absolute ? guarantee : Base + guarantee), OutputFields = [Id, Age],
        };
        return await (node ?? Node).SearchAsync(change?.Invoke(request) ?? request, default);
    }

    public async Task<IReadOnlyList<long>> KeysAsync(ulong guarantee, string filter = "", Func<RetrieveRequest, RetrieveRequest>? change = null, QueryNodeRole? node = null)
    {
        var result = await RetrieveAsync(guarantee, filter, change, node);
        return Keys(result.Columns[0]);
    }

    public async Task<RetrieveResult> RetrieveAsync(ulong guarantee, string filter = "", Func<RetrieveRequest, RetrieveRequest>? change = null, QueryNodeRole? node = null)
    {
        var request = new RetrieveRequest { Collection = Collection, Channels = Channels, Filter = filter, Guarantee = new Timestamp(Base + guarantee), OutputFields = [Id, Age, Vector, Meta] };
        return await (node ?? Node).RetrieveAsync(change?.Invoke(request) ?? request, default);
    }

    public static IReadOnlyList<long> Keys(Column column) => ((ScalarColumn<long>)column).Values.ToArray();

    public async ValueTask DisposeAsync()
    {
        _stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _catalogRun);
        if (_nodeRun != Task.CompletedTask)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _nodeRun.WaitAsync(TimeSpan.FromSeconds(20)));
        }

        Node.Dispose();
        _meta.Dispose();
        _stop.Dispose();
    }

    private static Column Concat(ImmutableArray<Column> parts) => parts[0] switch
    {
        ScalarColumn<long> c => new ScalarColumn<long>(c.Field, c.Type, parts.SelectMany(p => ((ScalarColumn<long>)p).Values.ToArray()).ToArray()),
        ScalarColumn<int> c => new ScalarColumn<int>(c.Field, c.Type, parts.SelectMany(p => ((ScalarColumn<int>)p).Values.ToArray()).ToArray(), parts.SelectMany(p => p.Valid!).ToArray()),
        FloatVectorColumn c => new FloatVectorColumn(c.Field, c.Dim, parts.SelectMany(p => ((FloatVectorColumn)p).Values.ToArray()).ToArray()),
        JsonColumn c => new JsonColumn(c.Field, parts.SelectMany(p => ((JsonColumn)p).Values.ToArray()).ToArray()),
        _ => throw new NotSupportedException(),
    };
}
