using System.Buffers;
using System.Text;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Host.Backups;
using MiniMilvus.Host.Verifying;
using MiniMilvus.Storage.Backups;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;
using MiniMilvus.Woodpecker;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Tests;

/// <summary>A row as a test thinks of it; its other columns follow from the key.</summary>
internal sealed record LoggedRow(long Key, ulong Tick)
{
    public string? Name { get; init; } = Key % 5 == 0 ? null : $"name of {Key}";
    public float Vector { get; init; } = Key / 8f;
}

/// <summary>A log, in a folder or on objects, with one collection, and the files and records that a data node would have made of it, or others.</summary>
internal sealed class LoggedWorld : IAsyncDisposable
{
    public static readonly PChannel PChannel = new("by-dev_0");
    private static readonly CancellationToken Never = CancellationToken.None;
    private static readonly CollectionId Collection = new(1003);
    private static readonly PartitionId Partition = new(1004);
    private static readonly FieldId Key = new(100);
    private static readonly WoodpeckerOptions Options = new() { DiskFreeBytesMin = 0, DiskUsedFractionMax = 1 };
    private static readonly VChannel Shard = VChannel.Of(PChannel, Collection, 0);
    private readonly TemporaryFolder _folder = new();
    private readonly MemoryMetaStore _meta = new(TimeProvider.System);
    private readonly MemoryObjectStore _bucket = new();
    private readonly bool _isLocal;
    private readonly IWoodpecker _log;
    private readonly Dictionary<SegmentId, (LogPosition Start, List<LoggedRow> Rows)> _rows = [];
    private ILogWriter? _writer;
    private IObjectStore? _objects;
    private ulong _tick = 1000;
    private long _id = 2000;

    private LoggedWorld(bool isLocal)
    {
        _isLocal = isLocal;
        _log = isLocal ? new LocalWoodpecker(new RealDisk(_folder.Path), _meta, Options, TimeProvider.System, NoStations.Instance, "writer")
            : new ObjectWoodpecker(_bucket, _meta, Options with { SyncIntervalMax = TimeSpan.Zero }, TimeProvider.System, NoStations.Instance, "writer");
    }

    /// <summary>Looks at the metadata before the comparison or the backup does; counts from 1.</summary>
    public Func<int, Task> BeforeLook { get; set; } = _ => Task.CompletedTask;

    /// <summary>When metadata has been looked at, by then as it was before this.</summary>
    public Func<int, Task> AfterLook { get; set; } = _ => Task.CompletedTask;

    public LogInspector Inspector => _isLocal ? new LogInspector(new ReadOnlyDisk(new RealDisk(_folder.Path)), MetadataAsync) : new LogInspector(_bucket, MetadataAsync, Options, TimeProvider.System);

    public static async Task<LoggedWorld> StartAsync(bool isLocal = true, bool isLoaded = false)
    {
        var world = new LoggedWorld(isLocal);
        await world._log.CreateAsync(PChannel.Name, Never);
        world._writer = await world._log.OpenWriterAsync(PChannel.Name, new Term(1), Never);
        world._objects = isLocal ? await LocalObjectStore.OpenAsync(new RealDisk(world._folder.Path), "objects", Never) : world._bucket;
        await world.PutAsync(CatalogKeys.CollectionName("default", "logged"), CatalogCodec.Encode(Collection.Value));
        await world.PutAsync(CatalogKeys.Collection(Collection), CatalogCodec.Encode(new CollectionRecord
        {
            Id = Collection, Database = "default", Name = "logged", State = DdlState.Created, IsLoaded = isLoaded, Channels = [Shard], CreatedAt = default, UpdatedAt = default,
            Partitions = [new PartitionRecord(Partition, CollectionRecord.DefaultPartition, DdlState.Created, default)],
            Schema = new CollectionSchema
            {
                Name = "logged",
                Fields =
                [
                    new FieldSchema { Id = Key, Name = "id", Type = DataType.Int64, IsPrimaryKey = true },
                    new FieldSchema { Id = new FieldId(101), Name = "name", Type = DataType.VarChar, IsNullable = true },
                    new FieldSchema { Id = new FieldId(102), Name = "vector", Type = DataType.FloatVector, Dim = 4 },
                    new FieldSchema { Id = new FieldId(103), Name = "$meta", Type = DataType.Json, IsDynamic = true },
                ],
            },
        }));
        return world;
    }

    public async ValueTask DisposeAsync()
    {
        await _log.DisposeAsync();
        _meta.Dispose();
        _folder.Delete();
    }

    /// <summary>Appends bodies, more than one as a transaction. The position of the first body, markers aside.</summary>
    public async Task<LogPosition> AppendAsync(bool isCommitted, params MessageBody[] bodies)
    {
        var (transaction, at) = (Timestamp.Zero, new List<LogPosition>());
        if (bodies.Length > 1)
        {
            transaction = new Timestamp(_tick + 1);
            await WriteAsync(new BeginTransactionBody(bodies.Length), transaction);
        }

        foreach (var body in bodies)
        {
            at.Add(await WriteAsync(body, transaction));
        }

        if (bodies.Length > 1)
        {
            await WriteAsync(isCommitted ? new CommitTransactionBody() : new RollbackTransactionBody(), transaction);
        }

        foreach (var insert in bodies.OfType<InsertBody>().Where(_ => isCommitted))
        {
            _rows[insert.Segment].Rows.AddRange(Enumerable.Range(0, insert.Rows.Count).Select(i => new LoggedRow(insert.Rows.KeyAt(i).Number, _tick)));
        }

        return at[0];
    }

    public async Task<SegmentId> BeginSegmentAsync()
    {
        var id = new SegmentId(_id++);
        _rows[id] = (await AppendAsync(true, new CreateSegmentBody(Collection, Partition, id, 1)), []);
        return id;
    }

    public static InsertBody Insert(SegmentId segment, params long[] keys) => new(Collection, Partition, segment, 1, Rows([.. keys.Select(k => new LoggedRow(k, 0))]));

    public static DeleteBody Delete(params long[] keys) => new(Collection, PartitionId.All, new ScalarColumn<long>(Key, DataType.Int64, keys));

    public Task<LogPosition> InsertAsync(SegmentId segment, params long[] keys) => AppendAsync(true, Insert(segment, keys));

    /// <summary>The Flush, the files, and the record.</summary>
    /// <param name="change">What the files are to hold instead.</param>
    public async Task<SegmentRecord> FlushAsync(SegmentId segment, Func<List<LoggedRow>, IEnumerable<LoggedRow>>? change = null)
    {
        var end = await AppendAsync(true, new FlushBody(Collection, segment));
        var (start, logged) = _rows[segment];
        List<LoggedRow> rows = [.. change?.Invoke(logged) ?? logged];
        var origin = new SegmentOrigin(segment, Collection, Partition, Shard, 1, new Term(1), _id++, start, end);
        var (manifest, path) = await SegmentWriter.WriteAsync(_objects!, origin, Rows(rows), rows.Select(r => (long)r.Tick).ToArray(), Never);
        var record = new SegmentRecord
        {
            Id = segment, Collection = Collection, Partition = Partition, Channel = Shard, State = SegmentState.Flushed, Rows = manifest.Rows, Bytes = manifest.Bytes,
            ManifestPath = path, Start = start, End = end, MinTick = manifest.MinTick, MaxTick = manifest.MaxTick,
        };
        await PutAsync(record);
        return record;
    }

    public Task PutAsync(SegmentRecord record) => PutAsync(CatalogKeys.Segment(record.Collection, record.Id), CatalogCodec.Encode(record));

    public async Task PutDeletesAsync(LogPosition from, LogPosition until, params (long Key, ulong Tick)[] deletes)
    {
        var id = _id++;
        var path = ObjectPaths.DeleteFile(Collection, Shard, id);
        var batch = new DeleteBatch(
            Collection, from, until, new ScalarColumn<long>(Key, DataType.Int64, deletes.Select(d => d.Key).ToArray()), deletes.Select(d => (long)d.Tick).ToArray(),
            deletes.Select(_ => PartitionId.All.Value).ToArray());
        await DeleteFile.WriteAsync(_objects!, path, batch, Never);
        await PutAsync(CatalogKeys.DeleteFile(Collection, Shard, id), CatalogCodec.Encode(new DeleteFileRecord(id, Shard, Collection, path, deletes.Length, from, until, batch.MaxTick)));
    }

    /// <summary>To the end of the log as it is.</summary>
    public async Task<LogPosition> PutCheckpointAsync()
    {
        var end = _writer!.Confirmed;
        await PutAsync(CatalogKeys.Checkpoint(Shard), CatalogCodec.Encode(new ChannelCheckpoint(Shard, end, new Timestamp(_tick), new Term(1))));
        return end;
    }

    /// <summary>What becomes of a segment that is sealed: without rows it is dropped.</summary>
    public async Task FlushOrDropAsync(SegmentId segment)
    {
        if (_rows[segment].Rows.Count > 0)
        {
            await FlushAsync(segment);
            return;
        }

        var end = await AppendAsync(true, new FlushBody(Collection, segment));
        await PutAsync(new SegmentRecord { Id = segment, Collection = Collection, Partition = Partition, Channel = Shard, State = SegmentState.Dropped, Start = _rows[segment].Start, End = end });
    }

    public ulong Tick => _tick;

    public Task TruncateAsync(LogPosition until) => _log.TruncateAsync(PChannel.Name, until, Never).AsTask();

    /// <summary>Flips a bit of the block that holds an entry; the log must lie in a folder.</summary>
    public async Task HurtAsync(LogPosition entry)
    {
        var log = await Inspector.InspectAsync(PChannel.Name, Never);
        await foreach (var block in Inspector.BlocksAsync(log, log.Segments[(int)entry.Segment], payloads: true, Never))
        {
            if (block.Entries.Any(e => e.Position == entry))
            {
                using var file = File.OpenHandle(Directory.EnumerateFiles(_folder.Path, "*.wal", SearchOption.AllDirectories).Order(StringComparer.Ordinal).First(), FileMode.Open, FileAccess.ReadWrite);
                var one = new byte[1];
                RandomAccess.Read(file, one, block.Offset + 80);
                one[0] ^= 1;
                RandomAccess.Write(file, one, block.Offset + 80);
            }
        }
    }

    public void Lose(SegmentRecord record) => File.Delete(Directory.EnumerateFiles(_folder.Path, Path.GetFileName(record.ManifestPath), SearchOption.AllDirectories).Single());

    public async Task<(LogComparison Comparison, string[] Lines)> CompareAsync(long batchBytes = LogComparison.BatchBytesMax)
    {
        var comparison = new LogComparison(Inspector, new ReadOnlyObjectStore(_objects!), Look(), batchBytes);
        return (comparison, await comparison.RunAsync(Never).ToArrayAsync());
    }

    public Task<BackupManifest> BackUpAsync(IObjectStore target, BackupPoint point, long freshBytesMax = BackupJob.FreshBytesMax) =>
        new BackupJob(Inspector, new ReadOnlyObjectStore(_objects!), Look(), target, TimeProvider.System, freshBytesMax).RunAsync("default", "logged", point, Never);

    /// <summary>What a backup holds, row by row in the order that a restore inserts them.</summary>
    public static async Task<List<LoggedRow>> RestoredAsync(IObjectStore store, long batchBytes = 1 << 20)
    {
        var (reader, rows) = (await BackupReader.OpenAsync(store, Never), new List<LoggedRow>());
        await reader.VerifyAsync(Never);
        await foreach (var batch in reader.RowsAsync(reader.Manifest.Segments, batchBytes, Never))
        {
            var (names, vectors) = ((StringColumn)batch.Find(new FieldId(101))!, (FloatVectorColumn)batch.Find(new FieldId(102))!);
            var meta = (JsonColumn)batch.Find(new FieldId(103))!;
            for (var i = 0; i < batch.Count; i++)
            {
                var key = batch.KeyAt(i).Number;
                Assert.Equal($"{{\"k\":{key}}}", Encoding.UTF8.GetString(meta.Values.Span[i].Span));
                Assert.Equal([0.5f, float.NaN, vectors.Row(i)[2], -0f], vectors.Row(i).ToArray());
                rows.Add(new LoggedRow(key, 0) { Name = names.IsNull(i) ? null : names.Values.Span[i], Vector = vectors.Row(i)[2] });
            }
        }

        return rows;
    }

    private Func<CancellationToken, ValueTask<MetaRange?>> Look()
    {
        var looks = 0;
        return async ct =>
        {
            await BeforeLook(++looks);
            var found = await MetadataAsync(ct);
            await AfterLook(looks);
            return found;
        };
    }

    private static RowBatch Rows(IReadOnlyList<LoggedRow> rows) => new(Key,
    [
        new ScalarColumn<long>(Key, DataType.Int64, rows.Select(r => r.Key).ToArray()),
        new StringColumn(new FieldId(101), rows.Select(r => r.Name ?? "").ToArray(), [.. rows.Select(r => r.Name is not null)]),
        new FloatVectorColumn(new FieldId(102), 4, rows.SelectMany(r => new[] { 0.5f, float.NaN, r.Vector, -0f }).ToArray()),
        new JsonColumn(new FieldId(103), rows.Select(r => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes($"{{\"k\":{r.Key}}}")).ToArray()),
    ]);

    private async Task<LogPosition> WriteAsync(MessageBody body, Timestamp transaction)
    {
        var bytes = new ArrayBufferWriter<byte>();
        MessageCodec.Encode(new LogMessage { Term = new Term(1), TimeTick = new Timestamp(++_tick), Transaction = transaction, Channel = Shard, Body = body }, bytes);
        var pending = await _writer!.EnqueueAsync(bytes.WrittenMemory, Never);
        await pending.Durable;
        return pending.Position;
    }

    private async Task PutAsync(string key, ReadOnlyMemory<byte> value) => await _meta.TransactAsync([], [new MetaOperation.Put(key, value)], Never);

    private async ValueTask<MetaRange?> MetadataAsync(CancellationToken ct) => await _meta.RangeAsync("", ct);
}
