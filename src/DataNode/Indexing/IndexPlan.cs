using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Hnsw;

namespace MiniMilvus.DataNode.Indexing;

/// <summary>What an <see cref="IndexRecord"/> asks to be built for a segment. FLAT and scalar indexes need no file: sealed columns are scanned.</summary>
internal sealed record IndexPlan(HnswOptions Options, bool IsQuantized)
{
    // More gives no better graph of a segment's rows, and only takes longer.
    private const int EfConstructionMax = 32768;

    /// <summary>Whether the index is a graph file over a float vector field.</summary>
    public static bool IsGraph(CollectionSchema schema, IndexRecord index) => schema.Find(index.Field) is { Type: DataType.FloatVector } field && IndexKind.Of(field, index).Structure != IndexStructure.Scan;

    /// <summary>M and efConstruction as given, directly or inside <c>params</c>, else the defaults; int8 codes where a scalar quantiser is asked for.</summary>
    public static IndexPlan Of(CollectionSchema schema, IndexRecord index)
    {
        var field = schema.Find(index.Field) ?? throw MiniMilvusException.Internal($"index {index.Id} on field {index.Field}, which is not in the schema");
        var kind = IndexKind.Of(field, index);
        var options = new HnswOptions();
        return new IndexPlan(
            options with { M = kind.M ?? options.M, EfConstruction = Math.Min(kind.EfConstruction ?? options.EfConstruction, EfConstructionMax) },
            kind.Structure == IndexStructure.CodedGraph);
    }
}
