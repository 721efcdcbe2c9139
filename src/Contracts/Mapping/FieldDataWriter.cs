using Google.Protobuf;
using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;

namespace MiniMilvus.Contracts.Mapping;

/// <summary>
/// Column → Milvus's FieldData, as servers send it: full length, fillers where a row is null, the oneof set also for no rows
/// (clients reject a column without one).
/// </summary>
public static class FieldDataWriter
{
    public static FieldData ToWire(this Column column, Core.Schema.FieldSchema field)
    {
        var wire = new FieldData
        {
            Type = (DataType)field.Type,
            FieldName = field.Name,
            FieldId = field.Id.Value,
            IsDynamic = field.IsDynamic,
        };
        if (column is FloatVectorColumn vectors)
        {
            var floats = new FloatArray();
            floats.Data.AddValues(vectors.Values);
            wire.Vectors = new VectorField { Dim = vectors.Dim, FloatVector = floats };
        }
        else
        {
            wire.Scalars = Scalars(column);
        }

        if (field.IsNullable)
        {
            if (column.Valid is { } valid)
            {
                wire.ValidData.AddRange(valid);
            }
            else
            {
                wire.ValidData.AddRange(Enumerable.Repeat(true, column.Count));
            }
        }

        return wire;
    }

    /// <summary>As clients send it in an insert: values of rows that are not null, and a flag for each row.</summary>
    public static FieldData ToInsert(this Column column, Core.Schema.FieldSchema field)
    {
        if (column.Valid is not { } valid)
        {
            return column.ToWire(field);
        }

        var present = Enumerable.Range(0, column.Count).Where(row => valid[row]).ToArray();
        var wire = column.Take(present).ToWire(field);
        wire.ValidData.Clear();
        wire.ValidData.AddRange(valid);
        return wire;
    }

    private static ScalarField Scalars(Column column)
    {
        var field = new ScalarField();
        switch (column)
        {
            case ScalarColumn<bool> c:
                field.BoolData = new BoolArray();
                field.BoolData.Data.AddValues(c.Values);
                break;
            case ScalarColumn<int> c:
                field.IntData = new IntArray();
                field.IntData.Data.AddValues(c.Values);
                break;
            case ScalarColumn<long> c:
                field.LongData = new LongArray();
                field.LongData.Data.AddValues(c.Values);
                break;
            case ScalarColumn<float> c:
                field.FloatData = new FloatArray();
                field.FloatData.Data.AddValues(c.Values);
                break;
            case ScalarColumn<double> c:
                field.DoubleData = new DoubleArray();
                field.DoubleData.Data.AddValues(c.Values);
                break;
            case StringColumn c:
                field.StringData = new StringArray();
                field.StringData.Data.AddValues(c.Values);
                break;
            case JsonColumn c:
                field.JsonData = new JSONArray();
                foreach (var document in c.Values.Span)
                {
                    field.JsonData.Data.Add(UnsafeByteOperations.UnsafeWrap(document));
                }

                break;
            default:
                throw MiniMilvusException.Internal($"no wire form for {column.GetType().Name}");
        }

        return field;
    }
}
