using System.Globalization;
using KeyValuePair = MiniMilvus.Contracts.Wire.Common.KeyValuePair;
using Wire = MiniMilvus.Contracts.Wire.Schema;

namespace MiniMilvus.Client;

/// <summary>A field of a collection. Made by the static methods; read back by <see cref="MilvusCollection.DescribeAsync"/>.</summary>
public sealed class FieldSchema
{
    private FieldSchema(string name, MilvusDataType dataType) => (Name, DataType) = (name, dataType);

    /// <summary>The server's number for the field; 0 until described.</summary>
    public long FieldId { get; private init; }
    /// <summary>The name, unique in the collection.</summary>
    public string Name { get; }
    /// <summary>The type.</summary>
    public MilvusDataType DataType { get; }
    /// <summary>Whether it is the primary key.</summary>
    public bool IsPrimaryKey { get; private init; }
    /// <summary>Whether the server makes the keys.</summary>
    public bool AutoId { get; private init; }
    /// <summary>Whether rows are spread over partitions by it.</summary>
    public bool IsPartitionKey { get; private init; }
    /// <summary>Whether a row may leave it out.</summary>
    public bool Nullable { get; private init; }
    /// <summary>Free text.</summary>
    public string Description { get; private init; } = "";
    /// <summary>Bytes of a VarChar at most, in UTF-8.</summary>
    public int? MaxLength { get; private init; }
    /// <summary>Elements of a vector.</summary>
    public int? Dimension { get; private init; }
    /// <summary>Type of an array's elements.</summary>
    public MilvusDataType ElementDataType { get; private init; }
    /// <summary>Elements of an array at most.</summary>
    public int? MaxCapacity { get; private init; }

    /// <summary>A scalar field: bool, sbyte, short, int, long, float or double.</summary>
    public static FieldSchema Create<T>(
        string name, bool isPrimaryKey = false, bool autoId = false, bool isPartitionKey = false, string description = "", bool nullable = false) =>
        new(name, ScalarType<T>()) { IsPrimaryKey = isPrimaryKey, AutoId = autoId, IsPartitionKey = isPartitionKey, Description = description, Nullable = nullable };

    /// <summary>A text field.</summary>
    public static FieldSchema CreateVarchar(
        string name, int maxLength, bool isPrimaryKey = false, bool autoId = false, bool isPartitionKey = false, string description = "", bool nullable = false) =>
        new(name, MilvusDataType.VarChar)
        {
            MaxLength = maxLength, IsPrimaryKey = isPrimaryKey, AutoId = autoId, IsPartitionKey = isPartitionKey, Description = description, Nullable = nullable,
        };

    /// <summary>A vector of floats.</summary>
    public static FieldSchema CreateFloatVector(string name, int dimension, string description = "") =>
        new(name, MilvusDataType.FloatVector) { Dimension = dimension, Description = description };

    /// <summary>A vector of bits; the dimension is a multiple of 8.</summary>
    public static FieldSchema CreateBinaryVector(string name, int dimension, string description = "") =>
        new(name, MilvusDataType.BinaryVector) { Dimension = dimension, Description = description };

    /// <summary>A JSON field.</summary>
    public static FieldSchema CreateJson(string name, string description = "", bool nullable = false) =>
        new(name, MilvusDataType.Json) { Description = description, Nullable = nullable };

    /// <summary>An array of scalars.</summary>
    public static FieldSchema CreateArray<T>(string name, int maxCapacity, string description = "", bool nullable = false) =>
        new(name, MilvusDataType.Array) { ElementDataType = ScalarType<T>(), MaxCapacity = maxCapacity, Description = description, Nullable = nullable };

    internal static MilvusDataType ScalarType<T>() =>
        typeof(T) == typeof(bool) ? MilvusDataType.Bool
        : typeof(T) == typeof(sbyte) ? MilvusDataType.Int8
        : typeof(T) == typeof(short) ? MilvusDataType.Int16
        : typeof(T) == typeof(int) ? MilvusDataType.Int32
        : typeof(T) == typeof(long) ? MilvusDataType.Int64
        : typeof(T) == typeof(float) ? MilvusDataType.Float
        : typeof(T) == typeof(double) ? MilvusDataType.Double
        : typeof(T) == typeof(string) ? MilvusDataType.VarChar
        : throw new NotSupportedException($"No field type holds {typeof(T).Name}.");

    internal Wire.FieldSchema ToWire()
    {
        var wire = new Wire.FieldSchema
        {
            Name = Name, DataType = (Wire.DataType)DataType, IsPrimaryKey = IsPrimaryKey, AutoID = AutoId,
            IsPartitionKey = IsPartitionKey, Description = Description, Nullable = Nullable, ElementType = (Wire.DataType)ElementDataType,
        };
        Add("max_length", MaxLength);
        Add("dim", Dimension);
        Add("max_capacity", MaxCapacity);
        return wire;

        void Add(string key, int? value)
        {
            if (value is { } number)
            {
                wire.TypeParams.Add(new KeyValuePair { Key = key, Value = number.ToString(CultureInfo.InvariantCulture) });
            }
        }
    }

    internal static FieldSchema FromWire(Wire.FieldSchema wire)
    {
        return new FieldSchema(wire.Name, (MilvusDataType)wire.DataType)
        {
            FieldId = wire.FieldID, IsPrimaryKey = wire.IsPrimaryKey, AutoId = wire.AutoID, IsPartitionKey = wire.IsPartitionKey,
            Description = wire.Description, Nullable = wire.Nullable, ElementDataType = (MilvusDataType)wire.ElementType,
            MaxLength = Find("max_length"), Dimension = Find("dim"), MaxCapacity = Find("max_capacity"),
        };

        int? Find(string key) => wire.TypeParams.FirstOrDefault(p => p.Key == key) is { } pair
            ? int.Parse(pair.Value, CultureInfo.InvariantCulture)
            : null;
    }
}
