using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Proxy.Tests;

/// <summary>A coordinator that writes records straight into a metadata store, without logs or terms.</summary>
internal sealed class FakeCoordinator(MemoryMetaStore meta, ManualTime time) : ICoordinator
{
    private ulong _logical;
    private long _nextId = 1000;

    public List<DdlCommand> Commands { get; } = [];

    /// <summary>Thrown by the next call, once.</summary>
    public Exception? FailNext { get; set; }

    public Timestamp LastGranted { get; private set; }

    public ValueTask<TimestampRange> AllocateTimestampsAsync(int count, CancellationToken ct)
    {
        if (FailNext is { } failure)
        {
            FailNext = null;
            throw failure;
        }

        return ValueTask.FromResult(Grant(count));
    }

    public ValueTask<TimestampRange> AllocateTicksAsync(PChannel channel, Term term, int count, CancellationToken ct) => AllocateTimestampsAsync(count, ct);

    public ValueTask<long> AllocateIdsAsync(int count, CancellationToken ct) => ValueTask.FromResult(Interlocked.Add(ref _nextId, count) - count);

    public Timestamp Now() => Grant(1).First;

    /// <summary>What a compaction that is asked for comes to.</summary>
    public Func<long, CollectionId, CompactionRecord> Compaction { get; set; } = (id, collection) => new CompactionRecord(id, collection, Timestamp.Zero, []);

    public async ValueTask<long> ExecuteAsync(DdlCommand command, CancellationToken ct)
    {
        if (FailNext is { } failure)
        {
            FailNext = null;
            throw failure;
        }

        Commands.Add(command);
        switch (command)
        {
            case CreateDatabase c:
                return await PutAsync(CatalogKeys.Database(c.Database), CatalogCodec.Encode(new DatabaseRecord(c.Database, _nextId++, Now(), c.Properties)));
            case DropDatabase c:
                return await DeleteAsync(CatalogKeys.Database(c.Database));
            case CreateCollection c:
                return await CreateAsync(c);
            case DropCollection c:
                return await DeleteAsync(CatalogKeys.Collection((await FindAsync(c.Database, c.Name)).Id), CatalogKeys.CollectionName(c.Database, c.Name));
            case RenameCollection c:
                var renamed = (await FindAsync(c.Database, c.Name)) with { Name = c.NewName };
                await DeleteAsync(CatalogKeys.CollectionName(c.Database, c.Name));
                await PutAsync(CatalogKeys.CollectionName(c.Database, c.NewName), CatalogCodec.Encode(renamed.Id.Value));
                return await SaveAsync(renamed);
            case AlterCollection c:
                var altered = await FindAsync(c.Database, c.Name);
                return await SaveAsync(altered with { Properties = altered.Properties.SetItems(c.Set).RemoveRange(c.Remove), UpdatedAt = Now() });
            case CreatePartition c:
                var grown = await FindAsync(c.Database, c.Collection);
                return await SaveAsync(grown with { Partitions = grown.Partitions.Add(new PartitionRecord(new PartitionId(_nextId++), c.Name, DdlState.Created, Now())) });
            case DropPartition c:
                var shrunk = await FindAsync(c.Database, c.Collection);
                return await SaveAsync(shrunk with { Partitions = shrunk.Partitions.RemoveAll(p => p.Name == c.Name) });
            case CreateAlias c:
                return await PutAsync(CatalogKeys.Alias(c.Database, c.Alias), CatalogCodec.Encode(new AliasRecord(c.Database, c.Alias, (await FindAsync(c.Database, c.Collection)).Id, Now())));
            case AlterAlias c:
                return await PutAsync(CatalogKeys.Alias(c.Database, c.Alias), CatalogCodec.Encode(new AliasRecord(c.Database, c.Alias, (await FindAsync(c.Database, c.Collection)).Id, Now())));
            case DropAlias c:
                return await DeleteAsync(CatalogKeys.Alias(c.Database, c.Alias));
            case CreateIndex c:
                return await CreateIndexAsync(c);
            case DropIndex c:
                var bare = await FindAsync(c.Database, c.Collection);
                return await SaveAsync(bare with { Indexes = bare.Indexes.RemoveAll(i => i.Name == c.IndexName || bare.Schema.Find(i.Field)!.Name == c.Field) });
            case CompactCollection c:
                var compacted = (await FindAsync(c.Database, c.Name)).Id;
                return await PutAsync(CatalogKeys.Compaction(compacted, c.Id), CatalogCodec.Encode(Compaction(c.Id, compacted)));
            case LoadCollection c:
                return await SaveAsync((await FindAsync(c.Database, c.Name)) with { IsLoaded = true });
            case ReleaseCollection c:
                return await SaveAsync((await FindAsync(c.Database, c.Name)) with { IsLoaded = false });
            default:
                throw new NotSupportedException(command.ToString());
        }
    }

    public ValueTask CommitAsync(SegmentCommit commit, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask<long> RegisterAsync(string role, string address, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask<Term> AcquireDataChannelAsync(long nodeId, PChannel channel, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask ReportReaderPositionAsync(long nodeId, PChannel channel, LogPosition position, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask<long> PutSegmentAsync(SegmentRecord segment) => new(PutAsync(CatalogKeys.Segment(segment.Collection, segment.Id), CatalogCodec.Encode(segment)));

    public ValueTask<long> PutCheckpointAsync(ChannelCheckpoint checkpoint) => new(PutAsync(CatalogKeys.Checkpoint(checkpoint.Channel), CatalogCodec.Encode(checkpoint)));

    public async Task<CollectionRecord> FindAsync(string database, string name)
    {
        var id = await meta.GetAsync(CatalogKeys.CollectionName(database, name), default)
            ?? throw MiniMilvusException.NotFound(ErrorReason.CollectionNotFound, $"fake: no collection {name}");
        return CatalogCodec.Collection((await meta.GetAsync(CatalogKeys.Collection(new CollectionId(CatalogCodec.Number(id))), default))!);
    }

    private TimestampRange Grant(int count)
    {
        var range = new TimestampRange(Timestamp.FromUnixMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds()).Plus(++_logical), count);
        _logical += (ulong)count;
        LastGranted = range.Last;
        return range;
    }

    private async Task<long> CreateAsync(CreateCollection c)
    {
        var id = new CollectionId(_nextId++);
        var now = Now();
        var fields = c.Schema.Fields.Select((f, i) => f with { Id = new FieldId(FieldId.FirstUserField.Value + i) }).ToImmutableArray();
        await PutAsync(CatalogKeys.CollectionName(c.Database, c.Schema.Name), CatalogCodec.Encode(id.Value));
        return await SaveAsync(new CollectionRecord
        {
            Id = id,
            Database = c.Database,
            Name = c.Schema.Name,
            Schema = c.Schema with { Fields = fields },
            State = DdlState.Created,
            Channels = [.. Enumerable.Range(0, c.Shards).Select(i => VChannel.Of(new PChannel($"p{i % 2}"), id, i))],
            Partitions = [new PartitionRecord(new PartitionId(_nextId++), CollectionRecord.DefaultPartition, DdlState.Created, now)],
            Consistency = c.Consistency,
            Properties = c.Properties,
            CreatedAt = now,
            UpdatedAt = now,
        });
    }

    private async Task<long> CreateIndexAsync(CreateIndex c)
    {
        var record = await FindAsync(c.Database, c.Collection);
        var metric = c.Params.GetValueOrDefault("metric_type", "COSINE") switch { "L2" => MetricType.L2, "IP" => MetricType.IP, _ => MetricType.Cosine };
        var index = new IndexRecord
        {
            Id = _nextId++,
            Name = c.IndexName.Length > 0 ? c.IndexName : c.Field,
            Field = record.Schema.Find(c.Field)!.Id,
            IndexType = c.Params.GetValueOrDefault("index_type", "AUTOINDEX"),
            Metric = metric,
            Params = c.Params,
        };
        return await SaveAsync(record with { Indexes = record.Indexes.Add(index) });
    }

    private Task<long> SaveAsync(CollectionRecord record) => PutAsync(CatalogKeys.Collection(record.Id), CatalogCodec.Encode(record));

    private async Task<long> PutAsync(string key, ReadOnlyMemory<byte> value) => (await meta.TransactAsync([], [new MetaOperation.Put(key, value)], default)).Revision;

    private async Task<long> DeleteAsync(params string[] keys) => (await meta.TransactAsync([], [.. keys.Select(k => new MetaOperation.Delete(k))], default)).Revision;
}
