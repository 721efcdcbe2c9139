using System.Buffers;
using MiniMilvus.Core;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
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
}
