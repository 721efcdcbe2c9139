using System.Runtime.InteropServices;
using Google.Protobuf;
using Wire = MiniMilvus.Contracts.Wire.Schema;

namespace MiniMilvus.Client;

/// <summary>A column of float vectors.</summary>
public sealed class FloatVectorFieldData : FieldData
{
    private readonly ReadOnlyMemory<float> _flat;
    private readonly IReadOnlyList<ReadOnlyMemory<float>>? _rows;

    internal FloatVectorFieldData(string? fieldName, ReadOnlyMemory<float> flat, int dimension)
        : base(fieldName, MilvusDataType.FloatVector, isDynamic: false)
    {
        if (dimension <= 0 || flat.Length % dimension != 0)
        {
            throw new ArgumentException($"{flat.Length} floats are no whole number of vectors of dimension {dimension}.", nameof(flat));
        }
        (_flat, Dimension) = (flat, dimension);
    }

    internal FloatVectorFieldData(string? fieldName, IReadOnlyList<ReadOnlyMemory<float>> rows)
        : base(fieldName, MilvusDataType.FloatVector, isDynamic: false)
    {
        (_rows, Dimension) = (rows, rows.Count == 0 ? 0 : rows[0].Length);
        foreach (var row in rows)
        {
            if (row.Length != Dimension)
            {
                throw new ArgumentException($"Vectors of dimension {Dimension} and {row.Length} in one column.", nameof(rows));
            }
        }
    }

    /// <summary>Elements a vector.</summary>
    public int Dimension { get; }

    /// <inheritdoc />
    public override long RowCount => _rows?.Count ?? (Dimension == 0 ? 0 : _flat.Length / Dimension);

    /// <summary>The vector of a row; a view, not a copy.</summary>
    public ReadOnlyMemory<float> this[int row] => _rows is null ? _flat.Slice(row * Dimension, Dimension) : _rows[row];

    /// <summary>All vectors, by row.</summary>
    public IReadOnlyList<ReadOnlyMemory<float>> Data => _rows ?? [.. Enumerable.Range(0, (int)RowCount).Select(i => this[i])];

    internal override Wire.FieldData ToWire()
    {
        var floats = new Wire.FloatArray();
        floats.Data.AddRange(Flat());
        return new Wire.FieldData
        {
            FieldName = FieldName ?? "",
            Type = Wire.DataType.FloatVector,
            Vectors = new Wire.VectorField { Dim = Dimension, FloatVector = floats },
        };
    }

    // Whole arrays are copied into the message in one block; that is why rows are brought together first.
    private float[] Flat()
    {
        if (_rows is null)
        {
            return MemoryMarshal.TryGetArray(_flat, out var segment) && segment is { Offset: 0, Array: { } array } && array.Length == segment.Count
                ? array
                : _flat.ToArray();
        }
        var flat = new float[checked(_rows.Count * Dimension)];
        for (var i = 0; i < _rows.Count; i++)
        {
            _rows[i].Span.CopyTo(flat.AsSpan(i * Dimension));
        }
        return flat;
    }
}

/// <summary>A column of binary vectors, eight dimensions a byte.</summary>
public sealed class BinaryVectorFieldData : FieldData
{
    internal BinaryVectorFieldData(string? fieldName, IReadOnlyList<ReadOnlyMemory<byte>> data)
        : base(fieldName, MilvusDataType.BinaryVector, isDynamic: false) => Data = data;

    /// <summary>The vectors, by row.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Data { get; }

    /// <inheritdoc />
    public override long RowCount => Data.Count;

    internal override Wire.FieldData ToWire()
    {
        var bytesPerRow = Data.Count == 0 ? 0 : Data[0].Length;
        var flat = new byte[checked(Data.Count * bytesPerRow)];
        for (var i = 0; i < Data.Count; i++)
        {
            if (Data[i].Length != bytesPerRow)
            {
                throw new InvalidOperationException($"Column {FieldName} holds vectors of {bytesPerRow} and {Data[i].Length} bytes.");
            }
            Data[i].Span.CopyTo(flat.AsSpan(i * bytesPerRow));
        }
        return new Wire.FieldData
        {
            FieldName = FieldName ?? "",
            Type = Wire.DataType.BinaryVector,
            Vectors = new Wire.VectorField { Dim = bytesPerRow * 8L, BinaryVector = ByteString.CopyFrom(flat) },
        };
    }
}
