using System.Collections.Immutable;
using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;
using WireSchema = MiniMilvus.Contracts.Wire.Schema;

namespace MiniMilvus.Contracts.Mapping;

/// <summary>Milvus's CollectionSchema ↔ ours. Only shapes are translated here; what a schema may say is checked by the proxy.</summary>
public static class SchemaMapping
{
    private const string DimKey = "dim";
    private const string MaxLengthKey = "max_length";

    /// <summary>Adds the dynamic column when it is asked for. NotSupported for what has no counterpart here (functions, struct arrays, array elements).</summary>
    public static CollectionSchema ToCore(this WireSchema.CollectionSchema wire, string name)
    {
        if (wire.Functions.Count > 0)
        {
            throw NotSupported($"function '{wire.Functions[0].Name}' ({wire.Functions[0].Type})");
        }

        if (wire.StructArrayFields.Count > 0)
        {
            throw NotSupported($"struct array field '{wire.StructArrayFields[0].Name}'");
        }

        var fields = ImmutableArray.CreateBuilder<FieldSchema>(wire.Fields.Count + 1);
        foreach (var field in wire.Fields)
        {
            if (field.IsDynamic || field.Name == CollectionSchema.DynamicFieldName)
            {
                continue;
            }

#pragma warning disable CS0612 // Old clients set autoID on the schema only.
            fields.Add(ToCore(field, FieldId.FirstUserField.Value + fields.Count, wire.AutoID));
#pragma warning restore CS0612
        }

        if (wire.EnableDynamicField)
        {
            fields.Add(new FieldSchema
            {
                Id = new FieldId(FieldId.FirstUserField.Value + fields.Count),
                Name = CollectionSchema.DynamicFieldName,
                Type = DataType.Json,
                IsDynamic = true,
            });
        }

        return new CollectionSchema { Name = name, Description = wire.Description, Fields = fields.ToImmutable(), EnableDynamicField = wire.EnableDynamicField };
    }

    /// <summary>As DescribeCollection shows it: without the dynamic column.</summary>
    public static WireSchema.CollectionSchema ToWire(this CollectionSchema schema, string name)
    {
        var wire = new WireSchema.CollectionSchema { Name = name, Description = schema.Description, EnableDynamicField = schema.EnableDynamicField, Version = schema.Version };
        foreach (var field in schema.Fields)
        {
            if (!field.IsDynamic)
            {
                wire.Fields.Add(ToWire(field));
            }
        }

        return wire;
    }

    private static FieldSchema ToCore(WireSchema.FieldSchema wire, long id, bool autoIdOfSchema)
    {
        var type = (DataType)wire.DataType;
        var typeParams = wire.TypeParams.ToDictionary();
        if (wire.IsFunctionOutput)
        {
            throw NotSupported($"field '{wire.Name}' as the output of a function");
        }

        return new FieldSchema
        {
            Id = new FieldId(id),
            Name = wire.Name,
            Type = type,
            Description = wire.Description,
            IsPrimaryKey = wire.IsPrimaryKey,
            IsAutoId = wire.AutoID || (wire.IsPrimaryKey && autoIdOfSchema),
            IsNullable = wire.Nullable,
            IsPartitionKey = wire.IsPartitionKey,
            Dim = Number(wire.Name, typeParams, DimKey),
            MaxLength = Number(wire.Name, typeParams, MaxLengthKey),
            TypeParams = typeParams,
            DefaultValueJson = DefaultValueMapping.ToJson(wire.Name, wire.DataType, wire.DefaultValue),
        };
    }

    private static WireSchema.FieldSchema ToWire(FieldSchema field)
    {
        var wire = new WireSchema.FieldSchema
        {
            FieldID = field.Id.Value,
            Name = field.Name,
            DataType = (WireSchema.DataType)field.Type,
            Description = field.Description,
            IsPrimaryKey = field.IsPrimaryKey,
            AutoID = field.IsAutoId,
            Nullable = field.IsNullable,
            IsPartitionKey = field.IsPartitionKey,
        };
        wire.TypeParams.AddPairs(field.TypeParams);
        Echo(wire, field, DimKey, field.Dim);
        Echo(wire, field, MaxLengthKey, field.MaxLength);
        if (field.DefaultValueJson is { } json)
        {
            wire.DefaultValue = DefaultValueMapping.ToWire(field.Type, json);
        }

        return wire;
    }

    private static void Echo(WireSchema.FieldSchema wire, FieldSchema field, string key, int value)
    {
        if (value > 0 && !field.TypeParams.ContainsKey(key))
        {
            wire.TypeParams.Add(new Contracts.Wire.Common.KeyValuePair { Key = key, Value = value.ToString(CultureInfo.InvariantCulture) });
        }
    }

    private static int Number(string field, ImmutableSortedDictionary<string, string> typeParams, string key)
    {
        if (!typeParams.TryGetValue(key, out var text))
        {
            return 0;
        }

        return int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) && value > 0
            ? value
            : throw MiniMilvusException.Invalid($"field '{field}': expected a positive integer for {key}, found '{text}'");
    }

    private static MiniMilvusException NotSupported(string what) =>
        MiniMilvusException.Invalid(ErrorReason.NotSupported, $"{what} is not supported by this server");
}
