using System.Buffers;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Backups;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.Storage.Tests.Segments;

/// <summary>Rows with a column of every type, and deletes; golden files hold them, so they never change.</summary>
internal static class Sample
{
    public static Column[] Columns() =>
    [
        new ScalarColumn<long>(new FieldId(100), DataType.Int64, new long[] { 1, 2, 3 }),
        new ScalarColumn<bool>(new FieldId(101), DataType.Bool, new[] { true, false, true }),
        new ScalarColumn<int>(new FieldId(102), DataType.Int8, new[] { -1, 0, 127 }),
        new ScalarColumn<int>(new FieldId(103), DataType.Int32, new[] { int.MinValue, 0, int.MaxValue }, [true, false, true]),
        new ScalarColumn<float>(new FieldId(104), DataType.Float, new[] { 0.5f, float.NaN, -1f }),
        new ScalarColumn<double>(new FieldId(105), DataType.Double, new[] { 0.25, double.MaxValue, -0.0 }),
        new StringColumn(new FieldId(106), new[] { "", "grün", "日本" }, [false, true, true]),
        new JsonColumn(new FieldId(107), new ReadOnlyMemory<byte>[] { "{}"u8.ToArray(), "{\"a\":1}"u8.ToArray(), Array.Empty<byte>() }),
        new FloatVectorColumn(new FieldId(108), 2, new[] { 1f, 2f, 3f, 4f, 5f, 6f }),
    ];

    public static RowBatch Rows() => new(new FieldId(100), [.. Columns()]);

    public static DeleteBatch Deletes() => new(
        new CollectionId(100), new LogPosition(1, 2), new LogPosition(3, 4), new StringColumn(new FieldId(100), new[] { "k1", "k2" }), new long[] { 40, 50 }, new long[] { -1, 2 });

    public static string Bytes(Column column)
    {
        var writer = new ArrayBufferWriter<byte>();
        ColumnCodec.Encode(column, writer);
        return Convert.ToHexString(writer.WrittenSpan);
    }

    public static BackupManifest Backup()
    {
        var (shard, partition) = (new VChannel("by-dev-0_100v0"), new PartitionId(2));
        return new BackupManifest
        {
            Collection = new CollectionRecord
            {
                Id = new CollectionId(100), Database = "default", Name = "sample", State = DdlState.Created, Channels = [shard], CreatedAt = new Timestamp(1), UpdatedAt = new Timestamp(2),
                Partitions = [new PartitionRecord(partition, CollectionRecord.DefaultPartition, DdlState.Created, new Timestamp(1))], IsLoaded = true,
                Schema = new CollectionSchema
                {
                    Name = "sample",
                    Fields =
                    [
                        new FieldSchema { Id = new FieldId(100), Name = "id", Type = DataType.Int64, IsPrimaryKey = true, IsAutoId = true },
                        new FieldSchema { Id = new FieldId(101), Name = "vector", Type = DataType.FloatVector, Dim = 4 },
                    ],
                },
                Indexes = [new IndexRecord { Id = 5, Name = "vector", Field = new FieldId(101), IndexType = "HNSW", Metric = MetricType.L2 }],
            },
            Tick = new Timestamp(30), TakenAt = new DateTimeOffset(2026, 11, 30, 12, 0, 0, TimeSpan.Zero), Shards = [new BackupShard(shard, new LogPosition(0, 9))], HighestAutoId = 42,
            Segments = [new BackupSegment("segments/100/2/1/manifest-1.json", 0x01020304, shard, partition, 3, new Timestamp(10), new Timestamp(30))],
        };
    }
}
