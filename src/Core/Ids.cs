using System.Globalization;
using System.Text.Json.Serialization;

namespace MiniMilvus.Core;

/// <summary>A collection's id, unique for ever: a dropped collection's id is never given again.</summary>
[method: JsonConstructor]
public readonly record struct CollectionId(long Value) : IComparable<CollectionId>
{
    public int CompareTo(CollectionId other) => Value.CompareTo(other.Value);
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A partition's id; <see cref="All"/> (−1, as in Milvus) means "every partition" in a delete.</summary>
[method: JsonConstructor]
public readonly record struct PartitionId(long Value) : IComparable<PartitionId>
{
    public static readonly PartitionId All = new(-1);
    public int CompareTo(PartitionId other) => Value.CompareTo(other.Value);
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A data segment's id. (A <c>LogSegment</c> of Woodpecker is something else; see GLOSSARY.md.)</summary>
[method: JsonConstructor]
public readonly record struct SegmentId(long Value) : IComparable<SegmentId>
{
    public static readonly SegmentId None;
    public int CompareTo(SegmentId other) => Value.CompareTo(other.Value);
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A field's id inside its collection; users' fields start at 100, system fields lie below.</summary>
[method: JsonConstructor]
public readonly record struct FieldId(long Value) : IComparable<FieldId>
{
    public static readonly FieldId RowId = new(0);
    public static readonly FieldId Timestamp = new(1);
    public static readonly FieldId FirstUserField = new(100);
    public int CompareTo(FieldId other) => Value.CompareTo(other.Value);
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A reign over a pchannel (or over a data-node assignment). Terms only rise, by compare-and-set.</summary>
[method: JsonConstructor]
public readonly record struct Term(long Value) : IComparable<Term>
{
    public static readonly Term None;
    public int CompareTo(Term other) => Value.CompareTo(other.Value);
    public static bool operator <(Term a, Term b) => a.Value < b.Value;
    public static bool operator >(Term a, Term b) => a.Value > b.Value;
    public static bool operator <=(Term a, Term b) => a.Value <= b.Value;
    public static bool operator >=(Term a, Term b) => a.Value >= b.Value;
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A physical channel: one Woodpecker log. Its name is the log's name.</summary>
[method: JsonConstructor]
public readonly record struct PChannel(string Name)
{
    public override string ToString() => Name;
}

/// <summary>A virtual channel: one shard of one collection, carried by a pchannel. Name: <c>{pchannel}_{collection}v{shard}</c>.</summary>
[method: JsonConstructor]
public readonly record struct VChannel(string Name)
{
    public static VChannel Of(PChannel channel, CollectionId collection, int shard) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{channel.Name}_{collection.Value}v{shard}"));

    /// <summary>The pchannel that carries this vchannel.</summary>
    public PChannel PChannel => new(Name.LastIndexOf('_') is var end and >= 0 ? Name[..end] : Name);

    /// <summary>The collection whose shard this is.</summary>
    [JsonIgnore]
    public CollectionId Collection
    {
        get
        {
            var tail = Name.AsSpan(Name.LastIndexOf('_') + 1);
            return new(long.Parse(tail[..tail.IndexOf('v')], CultureInfo.InvariantCulture));
        }
    }

    public override string ToString() => Name;
}
