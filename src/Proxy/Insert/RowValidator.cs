using System.Collections.Immutable;
using Google.Protobuf.Collections;
using MiniMilvus.Contracts.Mapping;
using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using CoreField = MiniMilvus.Core.Schema.FieldSchema;
using CoreSchema = MiniMilvus.Core.Schema.CollectionSchema;

namespace MiniMilvus.Proxy.Insert;

/// <summary>What the request must say about primary keys.</summary>
internal enum KeyRule
{
    /// <summary>Given unless the field is auto-id, then not given (insert).</summary>
    BySchema,
    /// <summary>Always given: they name the rows to replace (upsert), or the collection allows inserting into an auto-id field.</summary>
    Given,
    /// <summary>Given or generated: the collection allows inserting into an auto-id field.</summary>
    Either,
}

/// <summary>Rows that fit the schema.</summary>
/// <param name="Columns">One a field in schema order, the primary key left out.</param>
/// <param name="Keys">Null when keys are to be generated.</param>
internal sealed record ValidRows(ImmutableArray<Column> Columns, Column? Keys, int Count);

/// <summary>Station 2: rows fit the schema, or a clear error and nothing written. Missing nullable, default and dynamic fields are filled in.</summary>
internal sealed class RowValidator(ProxyOptions options)
{
    public ValidRows Validate(CoreSchema schema, RepeatedField<FieldData> fields, uint rows, KeyRule rule)
    {
        if (rows is 0 or > int.MaxValue)
        {
            throw MiniMilvusException.Invalid($"num_rows: expected at least 1, found {rows}");
        }

        var given = ByField(schema, fields);
        var columns = ImmutableArray.CreateBuilder<Column>(schema.Fields.Length);
        Column? keys = null;
        foreach (var field in schema.Fields)
        {
            given.TryGetValue(field.Id.Value, out var data);
            if (field.IsPrimaryKey)
            {
                keys = Keys(field, data, (int)rows, rule);
                continue;
            }

            var column = data is null ? Missing(field, (int)rows) : Given(field, data, (int)rows);
            ColumnRules.Check(schema, field, column, options);
            columns.Add(column);
        }

        return new ValidRows(columns.ToImmutable(), keys, (int)rows);
    }

    private static Dictionary<long, FieldData> ByField(CoreSchema schema, RepeatedField<FieldData> fields)
    {
        var given = new Dictionary<long, FieldData>(fields.Count);
        foreach (var data in fields)
        {
            // The dynamic column is named "$meta" by some clients and not at all by others.
            var isDynamic = data.IsDynamic || data.FieldName == CoreSchema.DynamicFieldName;
            var field = isDynamic ? schema.DynamicField : schema.Find(data.FieldName);
            if (field is null)
            {
                throw isDynamic
                    ? MiniMilvusException.Invalid($"collection '{schema.Name}' has no dynamic field, but the request carries one")
                    : MiniMilvusException.Invalid(ErrorReason.FieldNotFound,
                        $"field {data.FieldName} not exist in collection '{schema.Name}': expected {string.Join(", ", schema.Fields.Where(f => !f.IsDynamic).Select(f => f.Name))}");
            }

            if (!given.TryAdd(field.Id.Value, data))
            {
                throw MiniMilvusException.Invalid($"field '{field.Name}' comes twice");
            }
        }

        return given;
    }

    private Column? Keys(CoreField field, FieldData? data, int rows, KeyRule rule)
    {
        if (data is null)
        {
            return field.IsAutoId && rule is KeyRule.BySchema or KeyRule.Either
                ? null
                : throw MiniMilvusException.Invalid($"primary key field '{field.Name}': expected {rows} keys, found no such column");
        }

        if (field.IsAutoId && rule == KeyRule.BySchema)
        {
            throw MiniMilvusException.Invalid($"primary key field '{field.Name}' is auto-id: its values are generated, expected no such column");
        }

        var keys = data.ToColumn(field, rows);
        if (keys.Valid is not null)
        {
            throw MiniMilvusException.Invalid($"primary key field '{field.Name}': a key is never null");
        }

        ColumnRules.CheckTexts(field, keys, options);
        return keys;
    }

    private static Column Given(CoreField field, FieldData data, int rows)
    {
        var column = data.ToColumn(field, rows);
        return column.Valid is not null && field.DefaultValueJson is not null ? FilledColumns.WithDefaults(field, column) : column;
    }

    private static Column Missing(CoreField field, int rows)
    {
        if (field.DefaultValueJson is not null)
        {
            return FilledColumns.Default(field, rows);
        }

        if (field.IsDynamic)
        {
            return FilledColumns.EmptyObjects(field, rows);
        }

        return field.IsNullable
            ? FilledColumns.Nulls(field, rows)
            : throw MiniMilvusException.Invalid($"field '{field.Name}': expected {rows} values, found no such column, and the field is neither nullable nor has a default value");
    }
}
