using System.Collections.Immutable;
using System.Text.Json;
using Google.Protobuf.Collections;
using MiniMilvus.Contracts.Mapping;
using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using CoreField = MiniMilvus.Core.Schema.FieldSchema;
using CoreSchema = MiniMilvus.Core.Schema.CollectionSchema;

namespace MiniMilvus.Proxy.Reading;

/// <summary>
/// What a read returns. '*' is every field, vectors, key and <c>$meta</c> included; a name that is no field is a key of <c>$meta</c> when
/// the collection has one, and then <c>$meta</c> holds just the keys asked for.
/// </summary>
internal sealed class OutputFields
{
    private readonly ImmutableArray<CoreField> _fields;
    private readonly ImmutableSortedSet<string> _dynamicKeys;

    private OutputFields(ImmutableArray<CoreField> fields, ImmutableArray<string> names, ImmutableSortedSet<string> dynamicKeys)
    {
        _fields = fields;
        Names = names;
        _dynamicKeys = dynamicKeys;
    }

    /// <summary>The names to report to the client, as it asked for them, each once.</summary>
    public ImmutableArray<string> Names { get; }

    /// <summary>The fields to ask query nodes for, in this order.</summary>
    public ImmutableArray<FieldId> Ids => [.. _fields.Select(f => f.Id)];

    public ImmutableArray<CoreField> Fields => _fields;

    /// <param name="withKey">Whether the primary key comes along unasked (in a query it does, in a search not).</param>
    public static OutputFields Of(IEnumerable<string> requested, CoreSchema schema, bool withKey)
    {
        var fields = new List<CoreField>();
        var names = new List<string>();
        var keys = ImmutableSortedSet.CreateBuilder<string>(StringComparer.Ordinal);
        var wholeDynamic = false;
        foreach (var name in requested.Select(n => n.Trim()))
        {
            if (name == "*")
            {
                foreach (var field in schema.Fields)
                {
                    Add(fields, field);
                    AddName(names, field.Name);
                    wholeDynamic |= field.IsDynamic;
                }
            }
            else if (schema.Find(name) is { } field)
            {
                Add(fields, field);
                AddName(names, name);
                wholeDynamic |= field.IsDynamic;
            }
            else if (schema.DynamicField is { } dynamicField && DynamicKey(name) is { } key)
            {
                Add(fields, dynamicField);
                AddName(names, key);
                keys.Add(key);
            }
            else
            {
                throw MiniMilvusException.Invalid(ErrorReason.FieldNotFound,
                    $"field {name} not exist: expected one of {string.Join(", ", schema.Fields.Select(f => f.Name))}");
            }
        }

        if (withKey)
        {
            AddName(names, schema.PrimaryKey.Name);
            Add(fields, schema.PrimaryKey);
        }

        return new OutputFields([.. fields], [.. names], wholeDynamic ? [] : keys.ToImmutable());
    }

    /// <param name="columns">One column for each of <see cref="Ids"/>, in any order.</param>
    public void AddTo(RepeatedField<FieldData> to, ImmutableArray<Column> columns)
    {
        foreach (var field in _fields)
        {
            var column = columns.FirstOrDefault(c => c.Field == field.Id)
                ?? throw MiniMilvusException.Internal($"the query node returned no column for field '{field.Name}'");
            to.Add((field.IsDynamic && _dynamicKeys.Count > 0 ? Filtered((JsonColumn)column) : column).ToWire(field));
        }
    }

    private static void Add(List<CoreField> fields, CoreField field)
    {
        if (!fields.Contains(field))
        {
            fields.Add(field);
        }
    }

    private static void AddName(List<string> names, string name)
    {
        if (!names.Contains(name))
        {
            names.Add(name);
        }
    }

    /// <summary><c>color</c>, <c>$meta["color"]</c> and <c>$meta['color']</c> are the same key.</summary>
    private static string? DynamicKey(string name)
    {
        const string prefix = CoreSchema.DynamicFieldName + "[";
        if (!name.StartsWith(prefix, StringComparison.Ordinal))
        {
            return name.Length > 0 ? name : null;
        }

        var inner = name[prefix.Length..];
        return inner.Length > 3 && (inner[0] == '"' || inner[0] == '\'') && inner[^2] == inner[0] && inner[^1] == ']' ? inner[1..^2] : null;
    }

    private JsonColumn Filtered(JsonColumn column)
    {
        var rows = new ReadOnlyMemory<byte>[column.Count];
        for (var row = 0; row < rows.Length; row++)
        {
            rows[row] = Filtered(column.Values.Span[row]);
        }

        return new JsonColumn(column.Field, rows, column.Valid);
    }

    private ReadOnlyMemory<byte> Filtered(ReadOnlyMemory<byte> json)
    {
        if (json.IsEmpty)
        {
            return json;
        }

        using var document = JsonDocument.Parse(json);
        var to = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(to))
        {
            writer.WriteStartObject();
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (_dynamicKeys.Contains(property.Name))
                {
                    property.WriteTo(writer);
                }
            }

            writer.WriteEndObject();
        }

        return to.WrittenMemory;
    }
}
