using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace MiniMilvus.Core.Schema;

/// <summary>One field. <see cref="Dim"/> is set for vectors (in elements), <see cref="MaxLength"/> for VarChar (in UTF-8 bytes, as Milvus counts).</summary>
public sealed record FieldSchema
{
    public required FieldId Id { get; init; }
    public required string Name { get; init; }
    public required DataType Type { get; init; }
    public string Description { get; init => field = value ?? ""; } = "";
    public bool IsPrimaryKey { get; init; }
    public bool IsAutoId { get; init; }
    public bool IsNullable { get; init; }
    /// <summary>The <c>$meta</c> column that holds undeclared keys as one JSON object a row.</summary>
    public bool IsDynamic { get; init; }
    public bool IsPartitionKey { get; init; }
    public int Dim { get; init; }
    public int MaxLength { get; init; }
    /// <summary>Milvus's type_params and index_params as they came, to be echoed by DescribeCollection.</summary>
    public ImmutableSortedDictionary<string, string> TypeParams { get; init => field = value ?? ImmutableSortedDictionary<string, string>.Empty; } = ImmutableSortedDictionary<string, string>.Empty;
    /// <summary>The default value as JSON, or null when the field has none.</summary>
    public string? DefaultValueJson { get; init; }

    [JsonIgnore]
    public bool IsVector => Type >= DataType.BinaryVector;
}

/// <summary>The fields of a collection at one version. A change of schema makes a new version.</summary>
public sealed record CollectionSchema
{
    public required string Name { get; init; }
    public string Description { get; init => field = value ?? ""; } = "";
    public required ImmutableArray<FieldSchema> Fields { get; init; }
    /// <summary>Rises with every change; an insert carries it and the owner of the channel refuses a mismatch (S11).</summary>
    public int Version { get; init; } = 1;
    public bool EnableDynamicField { get; init; }

    public const string DynamicFieldName = "$meta";

    [JsonIgnore]
    public FieldSchema PrimaryKey => Fields.First(f => f.IsPrimaryKey);
    [JsonIgnore]
    public FieldSchema? DynamicField => Fields.FirstOrDefault(f => f.IsDynamic);
    [JsonIgnore]
    public IEnumerable<FieldSchema> VectorFields => Fields.Where(f => f.IsVector);

    public FieldSchema? Find(string name) => Fields.FirstOrDefault(f => f.Name == name);
    public FieldSchema? Find(FieldId id) => Fields.FirstOrDefault(f => f.Id == id);
}
