using System.Collections.Immutable;
using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Coordinator.Ddl;

/// <summary>What a collection may look like, with Milvus's bounds; also gives fields their ids.</summary>
internal static class SchemaRules
{
    private const int NameMax = 255;
    private const int VarCharMax = 65_535;

    public static void CheckName(string kind, string name)
    {
        if (name.Length == 0)
        {
            throw MiniMilvusException.Invalid($"{kind} name: expected 1 to {NameMax} characters, found none");
        }

        if (name.Length > NameMax)
        {
            throw MiniMilvusException.Invalid($"{kind} name: expected at most {NameMax} characters, found {name.Length}");
        }

        if (!(char.IsAsciiLetter(name[0]) || name[0] == '_') || name.Any(c => !(char.IsAsciiLetterOrDigit(c) || c is '_' or '$')))
        {
            throw MiniMilvusException.Invalid($"{kind} name '{name}': expected a letter or underscore, then letters, digits and underscores only");
        }
    }

    /// <summary>Checks the schema and returns it with field ids (from 100 on) and, when dynamic fields are on, the <c>$meta</c> field.</summary>
    public static CollectionSchema Complete(CollectionSchema schema, CoordinatorOptions options)
    {
        CheckName("collection", schema.Name);
        var declared = schema.Fields.Where(f => !f.IsDynamic).ToList();
        if (declared.Count > options.FieldsMax)
        {
            throw Illegal($"collection '{schema.Name}': expected at most {options.FieldsMax} fields, found {declared.Count}");
        }

        var fields = ImmutableArray.CreateBuilder<FieldSchema>(declared.Count + 1);
        var id = FieldId.FirstUserField.Value;
        foreach (var field in declared)
        {
            CheckField(field, options);
            if (fields.Any(f => f.Name == field.Name))
            {
                throw Illegal($"field '{field.Name}': declared twice");
            }

            fields.Add(field with { Id = new FieldId(id++) });
        }

        var keys = fields.Count(f => f.IsPrimaryKey);
        if (keys != 1)
        {
            throw Illegal($"collection '{schema.Name}': expected exactly one primary key field, found {keys}");
        }

        if (!fields.Any(f => f.IsVector))
        {
            throw Illegal($"collection '{schema.Name}': expected at least one vector field, found none");
        }

        if (schema.EnableDynamicField)
        {
            fields.Add(new FieldSchema { Id = new FieldId(id), Name = CollectionSchema.DynamicFieldName, Type = DataType.Json, IsDynamic = true });
        }

        return schema with { Fields = fields.ToImmutable(), Version = 1 };
    }

    private static void CheckField(FieldSchema field, CoordinatorOptions options)
    {
        CheckName("field", field.Name);
        if (field.IsPrimaryKey && field.Type is not (DataType.Int64 or DataType.VarChar))
        {
            throw Illegal($"primary key '{field.Name}': expected Int64 or VarChar, found {field.Type}");
        }

        if (field.IsPrimaryKey && field.IsNullable)
        {
            throw Illegal($"primary key '{field.Name}': must not be nullable");
        }

        if (field.IsAutoId && !field.IsPrimaryKey)
        {
            throw Illegal($"field '{field.Name}': autoID is for the primary key only");
        }

        if (field.IsPartitionKey)
        {
            throw new MiniMilvusException(ErrorKind.Invalid, ErrorReason.NotSupported, $"field '{field.Name}': partition keys are not supported yet");
        }

        switch (field.Type)
        {
            case DataType.Bool or DataType.Int8 or DataType.Int16 or DataType.Int32 or DataType.Int64 or DataType.Float or DataType.Double or DataType.Json:
                break;
            case DataType.VarChar when field.MaxLength is <= 0 or > VarCharMax:
                throw Illegal($"field '{field.Name}': expected a max_length of 1 to {VarCharMax}, found {field.MaxLength.ToString(CultureInfo.InvariantCulture)}");
            case DataType.VarChar:
                break;
            case DataType.FloatVector when field.Dim < 1 || field.Dim > options.DimMax:
                throw Illegal($"field '{field.Name}': expected a dim of 1 to {options.DimMax}, found {field.Dim}");
            case DataType.FloatVector when field.IsNullable:
                throw Illegal($"vector field '{field.Name}': must not be nullable");
            case DataType.FloatVector:
                break;
            default:
                throw new MiniMilvusException(ErrorKind.Invalid, ErrorReason.NotSupported, $"field '{field.Name}': type {field.Type} is not supported yet");
        }
    }

    private static MiniMilvusException Illegal(string message) => MiniMilvusException.Invalid(ErrorReason.IllegalSchema, message);
}
