using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Core.Messages;

/// <summary>
/// A log message as bytes, little-endian (docs/formats/message.md). Header, 64 bytes: magic "MM", version u8, type u8, channel length u16,
/// reserved u16, term i64, tick u64, transaction u64, collection i64, partition i64, segment i64, extra i64; then the channel's name;
/// then the body's columns (Insert, Delete), schema JSON, or segment ids. Checksums belong to the log's blocks.
/// </summary>
public static class MessageCodec
{
    public const byte Version = 1;
    public const int HeaderBytes = 64;
    private const ushort Magic = 0x4D4D;

    public static void Encode(LogMessage message, IBufferWriter<byte> to)
    {
        var (collection, partition, segment, extra) = Numbers(message.Body);
        var name = message.Channel is { } c ? Encoding.UTF8.GetBytes(c.Name) : [];
        var head = to.GetSpan(HeaderBytes)[..HeaderBytes];
        head.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(head, Magic);
        head[2] = Version;
        head[3] = (byte)message.Type;
        BinaryPrimitives.WriteUInt16LittleEndian(head[4..], checked((ushort)name.Length));
        BinaryPrimitives.WriteInt64LittleEndian(head[8..], message.Term.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(head[16..], message.TimeTick.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(head[24..], message.Transaction.Value);
        BinaryPrimitives.WriteInt64LittleEndian(head[32..], collection);
        BinaryPrimitives.WriteInt64LittleEndian(head[40..], partition);
        BinaryPrimitives.WriteInt64LittleEndian(head[48..], segment);
        BinaryPrimitives.WriteInt64LittleEndian(head[56..], extra);
        to.Advance(HeaderBytes);
        to.Write(name);
        switch (message.Body)
        {
            case InsertBody insert:
                foreach (var column in insert.Rows.Columns)
                {
                    ColumnCodec.Encode(column, to);
                }

                break;
            case DeleteBody delete:
                ColumnCodec.Encode(delete.Keys, to);
                break;
            case CreateCollectionBody create:
                to.Write(JsonSerializer.SerializeToUtf8Bytes(create.Schema, CatalogJson.Default.CollectionSchema));
                break;
            case SchemaChangeBody change:
                to.Write(JsonSerializer.SerializeToUtf8Bytes(change.Schema, CatalogJson.Default.CollectionSchema));
                break;
            case ManualFlushBody flush:
                foreach (var id in flush.Segments)
                {
                    BinaryPrimitives.WriteInt64LittleEndian(to.GetSpan(8), id.Value);
                    to.Advance(8);
                }

                break;
        }
    }

    public static int EncodedBytes(LogMessage message) => checked(HeaderBytes
        + (message.Channel is { } c ? Encoding.UTF8.GetByteCount(c.Name) : 0)
        + message.Body switch
        {
            InsertBody b => (int)b.Rows.Columns.Sum(ColumnCodec.EncodedBytes),
            DeleteBody b => (int)ColumnCodec.EncodedBytes(b.Keys),
            ManualFlushBody b => 8 * b.Segments.Length,
            CreateCollectionBody or SchemaChangeBody => 4096,
            _ => 0,
        });

    /// <summary>The message at <paramref name="position"/>. Columns are views over <paramref name="bytes"/>, which must stay unchanged.</summary>
    public static LogMessage Decode(ReadOnlyMemory<byte> bytes, LogPosition position)
    {
        try
        {
            return DecodeUnnamed(bytes, position);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
        {
            throw MiniMilvusException.Corrupted($"log entry {position}: {e.Message}", e);
        }
    }

    private static LogMessage DecodeUnnamed(ReadOnlyMemory<byte> bytes, LogPosition position)
    {
        var head = bytes.Span;
        if (bytes.Length < HeaderBytes || BinaryPrimitives.ReadUInt16LittleEndian(head) != Magic)
        {
            throw MiniMilvusException.Corrupted($"{bytes.Length} bytes that are not a log message");
        }

        var (nameBytes, reserved) = (BinaryPrimitives.ReadUInt16LittleEndian(head[4..]), BinaryPrimitives.ReadUInt16LittleEndian(head[6..]));
        if (head[2] != Version)
        {
            throw MiniMilvusException.Corrupted($"expected message version {Version}, found {head[2]}");
        }

        if (reserved != 0)
        {
            throw MiniMilvusException.Corrupted($"expected 0 in the reserved bytes, found {reserved}");
        }

        if (bytes.Length < HeaderBytes + nameBytes)
        {
            throw MiniMilvusException.Corrupted($"a channel name of {nameBytes} bytes does not fit in {bytes.Length}");
        }

        var collection = new CollectionId(BinaryPrimitives.ReadInt64LittleEndian(head[32..]));
        var partition = new PartitionId(BinaryPrimitives.ReadInt64LittleEndian(head[40..]));
        var segment = new SegmentId(BinaryPrimitives.ReadInt64LittleEndian(head[48..]));
        var extra = BinaryPrimitives.ReadInt64LittleEndian(head[56..]);
        var payload = bytes[(HeaderBytes + nameBytes)..];
        MessageBody body = (MessageType)head[3] switch
        {
            MessageType.TimeTick => new TimeTickBody(),
            MessageType.Insert => DecodeInsert(collection, partition, segment, extra, ref payload),
            MessageType.Delete => new DeleteBody(collection, partition, ColumnCodec.Decode(ref payload)),
            MessageType.CreateSegment => new CreateSegmentBody(collection, partition, segment, Number(extra)),
            MessageType.Flush => new FlushBody(collection, segment),
            MessageType.ManualFlush => new ManualFlushBody(collection, SegmentIds(ref payload)),
            MessageType.CreateCollection => new CreateCollectionBody(collection, Schema(ref payload)),
            MessageType.DropCollection => new DropCollectionBody(collection),
            MessageType.CreatePartition => new CreatePartitionBody(collection, partition),
            MessageType.DropPartition => new DropPartitionBody(collection, partition),
            MessageType.SchemaChange => new SchemaChangeBody(collection, Schema(ref payload)),
            MessageType.BeginTransaction => new BeginTransactionBody(Number(extra)),
            MessageType.CommitTransaction => new CommitTransactionBody(),
            MessageType.RollbackTransaction => new RollbackTransactionBody(),
            _ => throw MiniMilvusException.Corrupted($"unknown message type {head[3]}"),
        };
        if (!payload.IsEmpty)
        {
            throw MiniMilvusException.Corrupted($"{payload.Length} bytes behind a message of type {body.Type}");
        }

        return new LogMessage
        {
            Term = new Term(BinaryPrimitives.ReadInt64LittleEndian(head[8..])),
            TimeTick = new Timestamp(BinaryPrimitives.ReadUInt64LittleEndian(head[16..])),
            Transaction = new Timestamp(BinaryPrimitives.ReadUInt64LittleEndian(head[24..])),
            Channel = nameBytes == 0 ? null : new VChannel(Encoding.UTF8.GetString(head.Slice(HeaderBytes, nameBytes))),
            Body = body,
            Position = position,
        };
    }

    private static (long Collection, long Partition, long Segment, long Extra) Numbers(MessageBody body) => body switch
    {
        InsertBody b => (b.Collection.Value, b.Partition.Value, b.Segment.Value, ((long)b.Rows.PrimaryKeyColumn.Field.Value << 32) | (uint)b.SchemaVersion),
        DeleteBody b => (b.Collection.Value, b.Partition.Value, 0, 0),
        CreateSegmentBody b => (b.Collection.Value, b.Partition.Value, b.Segment.Value, b.SchemaVersion),
        FlushBody b => (b.Collection.Value, 0, b.Segment.Value, 0),
        ManualFlushBody b => (b.Collection.Value, 0, 0, 0),
        CreateCollectionBody b => (b.Collection.Value, 0, 0, 0),
        DropCollectionBody b => (b.Collection.Value, 0, 0, 0),
        CreatePartitionBody b => (b.Collection.Value, b.Partition.Value, 0, 0),
        DropPartitionBody b => (b.Collection.Value, b.Partition.Value, 0, 0),
        SchemaChangeBody b => (b.Collection.Value, 0, 0, 0),
        BeginTransactionBody b => (0, 0, 0, b.MessageCount),
        TimeTickBody or CommitTransactionBody or RollbackTransactionBody => default,
        _ => throw MiniMilvusException.Internal($"no encoding for {body.GetType().Name}"),
    };

    private static InsertBody DecodeInsert(CollectionId collection, PartitionId partition, SegmentId segment, long extra, ref ReadOnlyMemory<byte> payload)
    {
        var columns = ImmutableArray.CreateBuilder<Column>();
        while (!payload.IsEmpty)
        {
            columns.Add(ColumnCodec.Decode(ref payload));
        }

        var key = new FieldId(extra >> 32);
        var rows = columns.FirstOrDefault(c => c.Field == key)?.Count ?? throw MiniMilvusException.Corrupted($"expected a column of the primary key {key} among {columns.Count}, found none");
        return columns.FirstOrDefault(c => c.Count != rows) is { } uneven
            ? throw MiniMilvusException.Corrupted($"expected {rows} rows in every column, found {uneven.Count} of field {uneven.Field}")
            : new InsertBody(collection, partition, segment, (int)(extra & 0xFFFFFFFF), new RowBatch(key, columns.ToImmutable()));
    }

    private static int Number(long extra) => extra is >= 0 and <= int.MaxValue ? (int)extra : throw MiniMilvusException.Corrupted($"expected a count, found {extra}");

    /// <summary>Takes all whole ids; what is left of them is behind the message.</summary>
    private static ImmutableArray<SegmentId> SegmentIds(ref ReadOnlyMemory<byte> payload)
    {
        var ids = ImmutableArray.CreateBuilder<SegmentId>(payload.Length / 8);
        for (; payload.Length >= 8; payload = payload[8..])
        {
            ids.Add(new SegmentId(BinaryPrimitives.ReadInt64LittleEndian(payload.Span)));
        }

        return ids.MoveToImmutable();
    }

    private static CollectionSchema Schema(ref ReadOnlyMemory<byte> json)
    {
        try
        {
            var schema = JsonSerializer.Deserialize(json.Span, CatalogJson.Default.CollectionSchema) ?? throw MiniMilvusException.Corrupted("expected a schema, found null");
            json = default;
            return schema;
        }
        catch (JsonException e)
        {
            throw MiniMilvusException.Corrupted($"a schema that is not JSON: {e.Message}", e);
        }
    }
}
