using Wire = MiniMilvus.Contracts.Wire.Schema;

namespace MiniMilvus.Client;

/// <summary>The fields of a collection and whether rows may carry more than those.</summary>
public sealed class CollectionSchema
{
    /// <summary>Set by the server; the name at creation is the method's parameter.</summary>
    public string? Name { get; init; }
    /// <summary>Free text, kept by the server.</summary>
    public string Description { get; set; } = "";
    /// <summary>The fields; exactly one is the primary key.</summary>
    public IList<FieldSchema> Fields { get; init; } = [];
    /// <summary>Whether undeclared fields are kept (in <c>$meta</c>).</summary>
    public bool EnableDynamicFields { get; set; }

    internal Wire.CollectionSchema ToWire(string name)
    {
        var wire = new Wire.CollectionSchema { Name = name, Description = Description, EnableDynamicField = EnableDynamicFields };
        wire.Fields.AddRange(Fields.Select(f => f.ToWire()));
        return wire;
    }

    internal static CollectionSchema FromWire(Wire.CollectionSchema wire) => new()
    {
        Name = wire.Name, Description = wire.Description, EnableDynamicFields = wire.EnableDynamicField,
        Fields = [.. wire.Fields.Select(FieldSchema.FromWire)],
    };
}
