using System.Collections.Immutable;
using System.Text;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Fuzzing.Harness;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.S3;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Fuzzing.Files;

/// <summary>Records in the metadata store: the catalogue's, the log's, the object store's probe.</summary>
public sealed class CatalogTests
{
    private const string Key = "some/key";
    private static readonly ImmutableSortedDictionary<string, string> Properties = ImmutableSortedDictionary<string, string>.Empty.Add("a", "b");
    private static readonly VChannel Channel = new("by-dev-0_100v0");

    [Fact]
    public async Task Damaged_records_of_the_catalogue_are_refused_or_are_whole_records()
    {
        var created = new Timestamp(5);
        await RecordsAsync(new DatabaseRecord("db", 1, created, Properties), new DatabaseRecord("other", 2, created, Properties), CatalogCodec.Encode, CatalogCodec.Database);
        var collection = new CollectionRecord
        {
            Id = new CollectionId(100), Database = "db", Name = "books", Schema = MessageTests.Schema, State = DdlState.Created, Channels = [Channel],
            Partitions = [new PartitionRecord(new PartitionId(2), "_default", DdlState.Created, created)],
            Indexes = [new IndexRecord { Id = 55, Name = "v", Field = new FieldId(108), IndexType = "HNSW", Params = Properties }],
            Properties = Properties, CreatedAt = created, UpdatedAt = created,
        };
        await RecordsAsync(collection, collection with { Name = "b", IsLoaded = true }, CatalogCodec.Encode, CatalogCodec.Collection);
        await RecordsAsync(new AliasRecord("db", "a", new CollectionId(100), created), new AliasRecord("db", "b", new CollectionId(101), created), CatalogCodec.Encode, CatalogCodec.Alias);
        var segment = new SegmentRecord
        {
            Id = new SegmentId(7), Collection = new CollectionId(100), Partition = new PartitionId(2), Channel = Channel, State = SegmentState.Flushed, Rows = 3, ManifestPath = "p",
            Indexes = [new SegmentIndexRecord(55, new FieldId(108), "i", 9)],
        };
        await RecordsAsync(segment, segment with { State = SegmentState.Growing, Indexes = [] }, CatalogCodec.Encode, CatalogCodec.Segment);
        var deletes = new DeleteFileRecord(1, Channel, new CollectionId(100), "d", 2, new LogPosition(1, 2), new LogPosition(3, 4), created);
        await RecordsAsync(deletes, deletes with { Path = "e" }, CatalogCodec.Encode, CatalogCodec.DeleteFile);
        var checkpoint = new ChannelCheckpoint(Channel, new LogPosition(1, 2), created, new Term(3));
        await RecordsAsync(checkpoint, checkpoint with { DataNodeTerm = new Term(4) }, CatalogCodec.Encode, CatalogCodec.Checkpoint);
        var assignment = new ChannelAssignment(new PChannel("by-dev-0"), new Term(3), 9, "http://127.0.0.1:1");
        await RecordsAsync(assignment, assignment with { NodeId = 8 }, CatalogCodec.Encode, CatalogCodec.Assignment);
        await RecordsAsync(new NodeSession(9, "querynode", "x"), new NodeSession(10, "datanode", ""), CatalogCodec.Encode, CatalogCodec.Session);
        await RecordsAsync<DdlCommand>(new DropCollection("db", "books"), new CreateCollection("db", MessageTests.Schema, 2, ConsistencyLevel.Strong, Properties), CatalogCodec.Encode, CatalogCodec.Command);
        await RecordsAsync(41L, 42L, CatalogCodec.Encode, CatalogCodec.Number);
    }

    [Fact]
    public async Task Damaged_records_of_the_log_are_refused_or_are_whole_records()
    {
        var log = new LogRecord(3, "writer-1", 2, 5, false);
        await RecordsAsync(log, log with { Deleted = true }, r => RecordJson.Write(r), e => RecordJson.ReadLog(e.Key, e.Value.Span));
        var segment = new LogSegmentRecord(3, LogSegmentState.Completed, 41, 2, "writer-1");
        await RecordsAsync(segment, segment with { State = LogSegmentState.Active }, r => RecordJson.Write(r), e => RecordJson.ReadSegment(e.Key, e.Value.Span));
    }

    [Fact]
    public async Task A_damaged_record_of_the_probe_is_refused_or_is_a_whole_record()
    {
        var record = new StoreCapabilities("s3", "If-None-Match: *", ConditionalPuts.Honoured, true, "seen");
        await Fuzz.RunAsync(new Subject(
            "capabilities of the object store", [record.Encode(), (record with { ReadsAfterWrites = false }).Encode()],
            bytes => new(Encoding.UTF8.GetString(Whole(StoreCapabilities.Decode(bytes)).Encode()))) { VouchedElsewhere = "the metadata store" });
    }

    /// <summary>Written again, so that a record with holes, which a role would fall over, is found here.</summary>
    private static Task RecordsAsync<T>(T one, T two, Func<T, ReadOnlyMemory<byte>> encode, Func<MetaEntry, T> decode)
        where T : notnull => Fuzz.RunAsync(new Subject(
            Key, [encode(one).ToArray(), encode(two).ToArray()], bytes => new(Encoding.UTF8.GetString(encode(Whole(decode(new MetaEntry(Key, bytes, 1, 1, 1, 0)))).Span)))
        {
            VouchedElsewhere = "the metadata store's journal carries the checksums",
            Cases = 600,
        });

    /// <summary>Fails on a null or default where the type promises a value, at any depth.</summary>
    private static T Whole<T>(T value)
        where T : notnull
    {
        Holes.Require(value, typeof(T).Name);
        return value;
    }
}
