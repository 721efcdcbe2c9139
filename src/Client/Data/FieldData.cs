using Wire = MiniMilvus.Contracts.Wire.Schema;

namespace MiniMilvus.Client;

/// <summary>One column of rows, to be written or as read. All columns of a request have the same number of rows.</summary>
public abstract class FieldData
{
    private protected FieldData(string? fieldName, MilvusDataType dataType, bool isDynamic) =>
        (FieldName, DataType, IsDynamic) = (fieldName, dataType, isDynamic);

    /// <summary>The field's name; none for the dynamic column.</summary>
    public string? FieldName { get; }
    /// <summary>The type of its values.</summary>
    public MilvusDataType DataType { get; }
    /// <summary>Whether it is the column of undeclared keys.</summary>
    public bool IsDynamic { get; }
    /// <summary>The server's number for the field; 0 on columns to be written.</summary>
    public long FieldId { get; internal init; }
    /// <summary>Rows.</summary>
    public abstract long RowCount { get; }

    internal abstract Wire.FieldData ToWire();

    /// <summary>A column of scalars or strings.</summary>
    public static FieldData<T> Create<T>(string fieldName, IReadOnlyList<T> data, bool isDynamic = false) =>
        new(fieldName, data, FieldSchema.ScalarType<T>(), isDynamic);

    /// <summary>A column of strings.</summary>
    public static FieldData<string> CreateVarChar(string fieldName, IReadOnlyList<string> values, bool isDynamic = false) =>
        new(fieldName, values, MilvusDataType.VarChar, isDynamic);

    /// <summary>A column of JSON values, each as text.</summary>
    public static FieldData<string> CreateJson(string fieldName, IReadOnlyList<string> json, bool isDynamic = false) =>
        new(fieldName, json, MilvusDataType.Json, isDynamic);

    /// <summary>A column of float vectors, one memory a row. The memories are read when the request is sent and not kept.</summary>
    public static FloatVectorFieldData CreateFloatVector(string fieldName, IReadOnlyList<ReadOnlyMemory<float>> data) => new(fieldName, data);

    /// <summary>A column of float vectors that lie one after the other: the cheapest way in, without one object a row.</summary>
    public static FloatVectorFieldData CreateFloatVector(string fieldName, ReadOnlyMemory<float> rows, int dimension) => new(fieldName, rows, dimension);

    /// <summary>A column of binary vectors, dimension / 8 bytes a row.</summary>
    public static BinaryVectorFieldData CreateBinaryVectors(string fieldName, IReadOnlyList<ReadOnlyMemory<byte>> data) => new(fieldName, data);
}

/// <summary>A column of scalars or strings.</summary>
/// <typeparam name="TData">bool, sbyte, short, int, long, float, double or string.</typeparam>
public sealed class FieldData<TData> : FieldData
{
    internal FieldData(string? fieldName, IReadOnlyList<TData> data, MilvusDataType dataType, bool isDynamic)
        : base(fieldName, dataType, isDynamic) => Data = data;

    /// <summary>The values, by row. A null in a nullable column reads as the type's default; see <see cref="IsValid"/>.</summary>
    public IReadOnlyList<TData> Data { get; }

    /// <summary>Which rows hold a value; empty when all do.</summary>
    public IReadOnlyList<bool> IsValid { get; internal init; } = [];

    /// <inheritdoc />
    public override long RowCount => Data.Count;

    internal override Wire.FieldData ToWire() => new()
    {
        FieldName = FieldName ?? "",
        Type = (Wire.DataType)DataType,
        IsDynamic = IsDynamic,
        Scalars = ScalarColumns.ToWire(DataType, Data),
    };
}
