using System.Buffers;
using System.Buffers.Binary;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Storage.Segments;

/// <summary>Deletes of a vchannel with positions in [From, Until): keys, and beside each the tick of the delete and the partition (−1 = all).</summary>
/// <param name="Keys">Of the primary key's type and field.</param>
/// <param name="Ticks">A key at tick d removes rows inserted before d (S6).</param>
public sealed record DeleteBatch(CollectionId Collection, LogPosition From, LogPosition Until, Column Keys, ReadOnlyMemory<long> Ticks, ReadOnlyMemory<long> Partitions)
{
    public int Count => Keys.Count;

    public Timestamp MaxTick
    {
        get
        {
            var max = 0UL;
            foreach (var tick in Ticks.Span)
            {
                max = Math.Max(max, (ulong)tick);
            }

            return new Timestamp(max);
        }
    }
}

/// <summary>
/// A delete file (docs/formats/delete.md): the frame of <see cref="SealedFile"/> (magic "MMDELETE", subject = the collection), 32 bytes of
/// positions (from segment, from entry, until segment, until entry), then three columns: keys, ticks (field 1), partitions (field 2).
/// </summary>
public static class DeleteFile
{
    public const int FormatVersion = 1;
    private const int PositionBytes = 32;
    private static readonly FieldId PartitionField = new(2);
    private static ReadOnlySpan<byte> Magic => "MMDELETE"u8;

    public static ReadOnlyMemory<byte> Encode(DeleteBatch batch)
    {
        if (batch.Ticks.Length != batch.Count || batch.Partitions.Length != batch.Count)
        {
            throw MiniMilvusException.Internal($"delete file: {batch.Count} keys, {batch.Ticks.Length} ticks, {batch.Partitions.Length} partitions");
        }

        var ticks = new ScalarColumn<long>(FieldId.Timestamp, DataType.Int64, batch.Ticks);
        var partitions = new ScalarColumn<long>(PartitionField, DataType.Int64, batch.Partitions);
        var content = PositionBytes + ColumnCodec.EncodedBytes(batch.Keys) + ColumnCodec.EncodedBytes(ticks) + ColumnCodec.EncodedBytes(partitions);
        var file = new ArrayBufferWriter<byte>(SealedFile.TotalBytes(content));
        SealedFile.Begin(file, Magic, FormatVersion, batch.Collection.Value, content);
        var positions = file.GetSpan(PositionBytes)[..PositionBytes];
        BinaryPrimitives.WriteInt64LittleEndian(positions, batch.From.Segment);
        BinaryPrimitives.WriteInt64LittleEndian(positions[8..], batch.From.Entry);
        BinaryPrimitives.WriteInt64LittleEndian(positions[16..], batch.Until.Segment);
        BinaryPrimitives.WriteInt64LittleEndian(positions[24..], batch.Until.Entry);
        file.Advance(PositionBytes);
        ColumnCodec.Encode(batch.Keys, file);
        ColumnCodec.Encode(ticks, file);
        ColumnCodec.Encode(partitions, file);
        SealedFile.End(file);
        return file.WrittenMemory;
    }

    /// <summary>Makes views of the file. Throws Corrupted with the name.</summary>
    public static DeleteBatch Decode(ReadOnlyMemory<byte> file, CollectionId collection, string name)
    {
        var content = SealedFile.Open(file, Magic, FormatVersion, collection.Value, name);
        if (content.Length < PositionBytes)
        {
            throw MiniMilvusException.Corrupted($"{name}: expected {PositionBytes} bytes of positions, found {content.Length}");
        }

        var positions = content.Span;
        var from = new LogPosition(BinaryPrimitives.ReadInt64LittleEndian(positions), BinaryPrimitives.ReadInt64LittleEndian(positions[8..]));
        var until = new LogPosition(BinaryPrimitives.ReadInt64LittleEndian(positions[16..]), BinaryPrimitives.ReadInt64LittleEndian(positions[24..]));
        content = content[PositionBytes..];
        var keys = SealedFile.Column(ref content, name);
        var ticks = Numbers(ref content, FieldId.Timestamp, keys.Count, name);
        var partitions = Numbers(ref content, PartitionField, keys.Count, name);
        return keys is ScalarColumn<long> or StringColumn && content.IsEmpty
            ? new DeleteBatch(collection, from, until, keys, ticks, partitions)
            : throw MiniMilvusException.Corrupted($"{name}: expected keys of Int64 or VarChar and nothing behind, found {keys.Type} and {content.Length} bytes");
    }

    /// <returns>Bytes of the object.</returns>
    public static async ValueTask<long> WriteAsync(IObjectStore store, string path, DeleteBatch batch, CancellationToken ct)
    {
        var bytes = Encode(batch);
        await store.PutAsync(path, new ReadOnlySequence<byte>(bytes), PutCondition.Always, ct);
        return bytes.Length;
    }

    public static async ValueTask<DeleteBatch> ReadAsync(IObjectStore store, string path, CollectionId collection, CancellationToken ct) =>
        Decode(await store.GetAsync(path, ct), collection, path);

    private static ReadOnlyMemory<long> Numbers(ref ReadOnlyMemory<byte> content, FieldId field, int count, string name) =>
        SealedFile.Column(ref content, name) is ScalarColumn<long> column && column.Field == field && column.Count == count
            ? column.Values
            : throw MiniMilvusException.Corrupted($"{name}: expected {count} numbers of field {field}");
}
