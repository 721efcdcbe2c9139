using System.Text.Json;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Proxy.Ddl;

/// <summary>What a schema may say. Everything it refuses is refused before anything is written.</summary>
internal sealed class SchemaValidator(ProxyOptions options)
{
    public void Validate(CollectionSchema schema)
    {
        Name("collection", schema.Name);
        if (schema.Fields.Length > options.FieldsMax)
        {
            throw Illegal($"collection '{schema.Name}': expected at most {options.FieldsMax} fields, found {schema.Fields.Length}");
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var field in schema.Fields)
        {
            if (!names.Add(field.Name))
            {
                throw Illegal($"duplicated field name '{field.Name}': expected each name once");
            }

            if (!field.IsDynamic)
            {
                Field(field);
            }
        }

        var keys = schema.Fields.Count(f => f.IsPrimaryKey);
        if (keys != 1)
        {
            throw Illegal($"collection '{schema.Name}': expected one primary key field, found {keys}");
        }

        var vectors = schema.VectorFields.Count();
        if (vectors < 1 || vectors > options.VectorFieldsMax)
        {
            throw Illegal($"collection '{schema.Name}': expected 1 to {options.VectorFieldsMax} vector fields, found {vectors}");
        }

        if (schema.Fields.Count(f => f.IsPartitionKey) > 1)
        {
            throw Illegal($"collection '{schema.Name}': expected at most one partition key");
        }
    }

    /// <summary>Names of collections, partitions, fields, aliases and databases: a letter or underscore, then letters, digits, underscores.</summary>
    public void Name(string what, string name)
    {
        var isValid = name.Length > 0 && name.Length <= options.NameLengthMax
            && (char.IsAsciiLetter(name[0]) || name[0] == '_') && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');
        if (!isValid)
        {
            throw MiniMilvusException.Invalid($"Invalid {what} name: '{name}': expected 1 to {options.NameLengthMax} letters, digits or underscores, the first no digit");
        }
    }

    private void Field(FieldSchema field)
    {
        Name("field", field.Name);
        switch (field.Type)
        {
            case DataType.FloatVector:
                if (field.Dim < options.DimMin || field.Dim > options.DimMax)
                {
                    throw MiniMilvusException.Invalid($"invalid dimension: field '{field.Name}': expected dim {options.DimMin} to {options.DimMax}, found {field.Dim}");
                }

                break;
            case DataType.VarChar:
                if (field.MaxLength < 1 || field.MaxLength > options.VarCharBytesMax)
                {
                    throw MiniMilvusException.Invalid($"field '{field.Name}': expected max_length 1 to {options.VarCharBytesMax}, found {field.MaxLength}");
                }

                break;
            case DataType.Bool or DataType.Int8 or DataType.Int16 or DataType.Int32 or DataType.Int64 or DataType.Float or DataType.Double or DataType.Json:
                break;
            default:
                throw MiniMilvusException.Invalid(ErrorReason.NotSupported,
                    $"field '{field.Name}': type {field.Type} is not supported by this server; expected Bool, Int8-64, Float, Double, VarChar, JSON or FloatVector");
        }

        if (field.IsPrimaryKey)
        {
            PrimaryKey(field);
        }
        else if (field.IsAutoId)
        {
            throw Illegal($"field '{field.Name}': auto-id is for the primary key only");
        }

        if (field.IsNullable && field.IsVector)
        {
            throw Illegal($"field '{field.Name}': a vector field cannot be nullable");
        }

        if (field.IsPartitionKey && field.Type is not (DataType.Int64 or DataType.VarChar))
        {
            throw Illegal($"partition key field '{field.Name}': expected Int64 or VarChar, found {field.Type}");
        }

        if (field.DefaultValueJson is not null)
        {
            DefaultValue(field);
        }
    }

    private static void PrimaryKey(FieldSchema field)
    {
        if (field.Type is not (DataType.Int64 or DataType.VarChar))
        {
            throw Illegal($"primary key field '{field.Name}': expected Int64 or VarChar, found {field.Type}");
        }

        if (field.IsNullable || field.DefaultValueJson is not null || field.IsPartitionKey)
        {
            throw Illegal($"primary key field '{field.Name}' cannot be nullable, have a default value, or be the partition key");
        }
    }

    private static void DefaultValue(FieldSchema field)
    {
        if (field.Type == DataType.Json)
        {
            throw Illegal($"field '{field.Name}': a JSON field cannot have a default value");
        }

        using var document = JsonDocument.Parse(field.DefaultValueJson!);
        if (field.Type == DataType.VarChar && System.Text.Encoding.UTF8.GetByteCount(document.RootElement.GetString() ?? "") is var bytes && bytes > field.MaxLength)
        {
            throw Illegal($"field '{field.Name}': the default value takes {bytes} bytes, expected at most {field.MaxLength} (max_length)");
        }
    }

    private static MiniMilvusException Illegal(string message) => MiniMilvusException.Invalid(ErrorReason.InvalidParameter, message);
}
