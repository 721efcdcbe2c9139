using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Core.Rows;

/// <summary>
/// A column as bytes, little-endian; the same layout in log messages and in segment files (docs/formats/column.md).
/// Header, 32 bytes: field i64, type i32, rows i32, dim i32, flags i32 (1 = has nulls), value bytes i64; then one validity byte a row
/// when flagged; then the values. Decoding makes views: the bytes must stay unchanged as long as the column lives.
/// </summary>
public static class ColumnCodec
{
    public const int HeaderBytes = 32;
    private const int HasNulls = 1;

    public static void Encode(Column column, IBufferWriter<byte> to)
    {
        var valueBytes = ValueBytes(column);
        var head = to.GetSpan(HeaderBytes)[..HeaderBytes];
        BinaryPrimitives.WriteInt64LittleEndian(head, column.Field.Value);
        BinaryPrimitives.WriteInt32LittleEndian(head[8..], (int)column.Type);
        BinaryPrimitives.WriteInt32LittleEndian(head[12..], column.Count);
        BinaryPrimitives.WriteInt32LittleEndian(head[16..], column is FloatVectorColumn v ? v.Dim : 0);
        BinaryPrimitives.WriteInt32LittleEndian(head[20..], column.Valid is null ? 0 : HasNulls);
        BinaryPrimitives.WriteInt64LittleEndian(head[24..], valueBytes);
        to.Advance(HeaderBytes);
        if (column.Valid is { } valid)
        {
            to.Write(MemoryMarshal.AsBytes<bool>(valid));
        }

        switch (column)
        {
            case ScalarColumn<bool> c: to.Write(MemoryMarshal.AsBytes(c.Values.Span)); break;
            case ScalarColumn<int> c: to.Write(MemoryMarshal.AsBytes(c.Values.Span)); break;
            case ScalarColumn<long> c: to.Write(MemoryMarshal.AsBytes(c.Values.Span)); break;
            case ScalarColumn<float> c: to.Write(MemoryMarshal.AsBytes(c.Values.Span)); break;
            case ScalarColumn<double> c: to.Write(MemoryMarshal.AsBytes(c.Values.Span)); break;
            case FloatVectorColumn c: to.Write(MemoryMarshal.AsBytes(c.Values.Span)); break;
            case StringColumn c: WriteStrings(c.Values.Span, to); break;
            case JsonColumn c: WriteBlobs(c.Values.Span, to); break;
            default: throw MiniMilvusException.Internal($"no encoding for {column.GetType().Name}");
        }
    }

    public static long EncodedBytes(Column column) => HeaderBytes + (column.Valid?.Length ?? 0) + ValueBytes(column);

    /// <summary>Reads one column and moves <paramref name="bytes"/> past it. Throws Corrupted when the bytes are not a column.</summary>
    public static Column Decode(ref ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length < HeaderBytes)
        {
            throw MiniMilvusException.Corrupted($"column: expected a header of {HeaderBytes} bytes, found {bytes.Length}");
        }

        var head = bytes.Span;
        var field = new FieldId(BinaryPrimitives.ReadInt64LittleEndian(head));
        var type = (DataType)BinaryPrimitives.ReadInt32LittleEndian(head[8..]);
        var count = BinaryPrimitives.ReadInt32LittleEndian(head[12..]);
        var dim = BinaryPrimitives.ReadInt32LittleEndian(head[16..]);
        var flags = BinaryPrimitives.ReadInt32LittleEndian(head[20..]);
        var length = BinaryPrimitives.ReadInt64LittleEndian(head[24..]);
        var validBytes = (flags & HasNulls) != 0 ? count : 0;
        if ((flags & ~HasNulls) != 0)
        {
            throw MiniMilvusException.Corrupted($"column {field}: expected flags 0 or {HasNulls}, found {flags}");
        }

        if (count < 0 || length < 0 || length > bytes.Length - HeaderBytes - (long)validBytes)
        {
            throw MiniMilvusException.Corrupted($"column {field}: {count} rows and {length} value bytes do not fit in {bytes.Length} bytes");
        }

        bool[]? valid = null;
        if (validBytes > 0)
        {
            valid = new bool[count];
            var flagsSpan = head.Slice(HeaderBytes, count);
            for (var i = 0; i < count; i++)
            {
                valid[i] = flagsSpan[i] != 0;
            }
        }

        var values = bytes.Slice(HeaderBytes + validBytes, (int)length);
        bytes = bytes[(HeaderBytes + validBytes + (int)length)..];
        return type switch
        {
            DataType.Bool => new ScalarColumn<bool>(field, type, Fixed<bool>(field, Flags(field, values), count), valid),
            DataType.Int8 or DataType.Int16 or DataType.Int32 => new ScalarColumn<int>(field, type, Fixed<int>(field, values, count), valid),
            DataType.Int64 => new ScalarColumn<long>(field, type, Fixed<long>(field, values, count), valid),
            DataType.Float => new ScalarColumn<float>(field, type, Fixed<float>(field, values, count), valid),
            DataType.Double => new ScalarColumn<double>(field, type, Fixed<double>(field, values, count), valid),
            DataType.FloatVector when dim > 0 => new FloatVectorColumn(field, dim, Fixed<float>(field, values, (long)count * dim)),
            DataType.VarChar => new StringColumn(field, ReadStrings(field, values, count), valid),
            DataType.Json => new JsonColumn(field, ReadBlobs(field, values, count), valid),
            _ => throw MiniMilvusException.Corrupted($"column {field}: unknown type {(int)type} with dim {dim}"),
        };
    }

    private static long ValueBytes(Column column) => column switch
    {
        ScalarColumn<bool> c => c.Count,
        ScalarColumn<int> c => 4L * c.Count,
        ScalarColumn<long> c => 8L * c.Count,
        ScalarColumn<float> c => 4L * c.Count,
        ScalarColumn<double> c => 8L * c.Count,
        FloatVectorColumn c => 4L * c.Values.Length,
        StringColumn c => (4L * (c.Count + 1)) + Utf8Bytes(c.Values.Span),
        JsonColumn c => (4L * (c.Count + 1)) + BlobBytes(c.Values.Span),
        _ => throw MiniMilvusException.Internal($"no encoding for {column.GetType().Name}"),
    };

    private static long Utf8Bytes(ReadOnlySpan<string> values)
    {
        long sum = 0;
        foreach (var value in values)
        {
            sum += Encoding.UTF8.GetByteCount(value);
        }

        return sum;
    }

    private static long BlobBytes(ReadOnlySpan<ReadOnlyMemory<byte>> values)
    {
        long sum = 0;
        foreach (var value in values)
        {
            sum += value.Length;
        }

        return sum;
    }

    private static ReadOnlyMemory<T> Fixed<T>(FieldId field, ReadOnlyMemory<byte> values, long count)
        where T : unmanaged
    {
        var size = System.Runtime.CompilerServices.Unsafe.SizeOf<T>();
        return values.Length == count * size
            ? ByteView<T>.Of(values)
            : throw MiniMilvusException.Corrupted($"column {field}: expected {count * size} value bytes, found {values.Length}");
    }

    /// <summary>Any other byte, seen as a bool, would be neither true nor false.</summary>
    private static ReadOnlyMemory<byte> Flags(FieldId field, ReadOnlyMemory<byte> values) =>
        values.Span.IndexOfAnyExceptInRange((byte)0, (byte)1) is var at and >= 0
            ? throw MiniMilvusException.Corrupted($"column {field}: expected 0 or 1 in row {at}, found {values.Span[at]}")
            : values;

    private static void WriteStrings(ReadOnlySpan<string> values, IBufferWriter<byte> to)
    {
        var offsets = new int[values.Length + 1];
        for (var i = 0; i < values.Length; i++)
        {
            offsets[i + 1] = offsets[i] + Encoding.UTF8.GetByteCount(values[i]);
        }

        to.Write(MemoryMarshal.AsBytes<int>(offsets));
        foreach (var value in values)
        {
            Encoding.UTF8.GetBytes(value, to);
        }
    }

    private static void WriteBlobs(ReadOnlySpan<ReadOnlyMemory<byte>> values, IBufferWriter<byte> to)
    {
        var offsets = new int[values.Length + 1];
        for (var i = 0; i < values.Length; i++)
        {
            offsets[i + 1] = offsets[i] + values[i].Length;
        }

        to.Write(MemoryMarshal.AsBytes<int>(offsets));
        foreach (var value in values)
        {
            to.Write(value.Span);
        }
    }

    private static string[] ReadStrings(FieldId field, ReadOnlyMemory<byte> values, int count)
    {
        var offsets = Offsets(field, values.Span, count);
        var texts = new string[count];
        var data = values.Span[(4 * (count + 1))..];
        for (var i = 0; i < count; i++)
        {
            texts[i] = Encoding.UTF8.GetString(data[offsets[i]..offsets[i + 1]]);
        }

        return texts;
    }

    private static ReadOnlyMemory<byte>[] ReadBlobs(FieldId field, ReadOnlyMemory<byte> values, int count)
    {
        var offsets = Offsets(field, values.Span, count);
        var blobs = new ReadOnlyMemory<byte>[count];
        var data = values[(4 * (count + 1))..];
        for (var i = 0; i < count; i++)
        {
            blobs[i] = data[offsets[i]..offsets[i + 1]];
        }

        return blobs;
    }

    private static ReadOnlySpan<int> Offsets(FieldId field, ReadOnlySpan<byte> values, int count)
    {
        if (values.Length < 4L * (count + 1L))
        {
            throw MiniMilvusException.Corrupted($"column {field}: {count} offsets do not fit in {values.Length} bytes");
        }

        var offsets = MemoryMarshal.Cast<byte, int>(values[..(4 * (count + 1))]);
        var previous = 0;
        foreach (var offset in offsets)
        {
            if (offset < previous)
            {
                throw MiniMilvusException.Corrupted($"column {field}: offset {offset} follows {previous}");
            }

            previous = offset;
        }

        var expected = values.Length - (4 * (count + 1));
        return offsets[0] == 0 && previous == expected
            ? offsets
            : throw MiniMilvusException.Corrupted($"column {field}: expected {expected} bytes of values, offsets say {offsets[0]}..{previous}");
    }
}
