using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Core.Catalog;

/// <summary>What serves an index type.</summary>
public enum IndexStructure
{
    /// <summary>Nothing: the column is scanned.</summary>
    Scan,
    /// <summary>An HNSW graph over the vectors.</summary>
    Graph,
    /// <summary>An HNSW graph over int8 codes, re-ranked by the vectors.</summary>
    CodedGraph,
}

/// <summary>
/// Milvus's index types: which parameters each takes, within which bounds, and what serves it here. Every type answers at least as precisely as it
/// is asked to: IVF, PQ, DiskANN and SCANN indexes are graphs, and a scalar quantiser of 16 bits keeps the floats.
/// </summary>
public sealed record IndexKind(IndexStructure Structure, int? M, int? EfConstruction)
{
    public const string Auto = "AUTOINDEX";
    private const int IntMax = int.MaxValue;

    private static readonly string[] s_scalarTypes = [Auto, "INVERTED", "STL_SORT", "TRIE", "BITMAP"];

    /// <summary>Checks what was asked for on a field. Throws Invalid in Milvus's words.</summary>
    /// <param name="type">In capitals; AUTOINDEX where none was given.</param>
    public static IndexKind Of(FieldSchema field, string type, IndexParams given)
    {
        if (!field.IsVector)
        {
            return s_scalarTypes.Contains(type)
                ? new IndexKind(IndexStructure.Scan, null, null)
                : throw (VectorTypes.Contains(type) ? IndexParams.Refused($"index {type} only supports vector data type") : Unknown(type));
        }

        if (!VectorTypes.Contains(type))
        {
            throw s_scalarTypes.Contains(type) ? IndexParams.Refused($"index {type} is not supported on {field.Type} field") : Unknown(type);
        }

        return type switch
        {
            "FLAT" => new IndexKind(IndexStructure.Scan, null, null),
            Auto => new IndexKind(IndexStructure.Graph, null, null),
            "HNSW" => Graph(given, IndexStructure.Graph),
            "HNSW_SQ" => Graph(given, Quantiser(given)),
            "HNSW_PQ" => Graph(given, IndexStructure.Graph),
            "IVF_FLAT" or "IVF_SQ8" or "IVF_PQ" or "SCANN" => Lists(given),
            _ => new IndexKind(IndexStructure.Graph, null, null),
        };
    }

    /// <summary>
    /// Of an index that was taken already, perhaps by a release that knew fewer types or bounds: what is refused today counts as not given, and a
    /// type that is not known for the field as a scan, so that no record keeps its collection from being served.
    /// </summary>
    public static IndexKind Of(FieldSchema field, IndexRecord index)
    {
        var type = index.IndexType.ToUpperInvariant();
        foreach (var of in new Func<IndexKind>[] { () => Of(field, type, IndexParams.Of(index.Params)), () => Of(field, type, IndexParams.None) })
        {
            try
            {
                return of();
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Invalid)
            {
                // Without its parameters then.
            }
        }

        return new IndexKind(IndexStructure.Scan, null, null);
    }

    /// <summary>Types that Milvus has for vectors and this server takes.</summary>
    public static IReadOnlyList<string> VectorTypes { get; } = [Auto, "FLAT", "HNSW", "HNSW_SQ", "HNSW_PQ", "IVF_FLAT", "IVF_SQ8", "IVF_PQ", "SCANN", "DISKANN"];

    private static IndexKind Graph(IndexParams given, IndexStructure structure) =>
        new(structure, given.Integer("M", 2, 2048), given.Integer("efConstruction", 1, IntMax));

    private static IndexStructure Quantiser(IndexParams given)
    {
        _ = given.Flag("refine");
        if (given.Text("refine_type") is { } refine && refine.ToUpperInvariant() is not ("SQ4U" or "SQ6" or "SQ8" or "FP16" or "BF16" or "FP32" or "FLAT"))
        {
            throw IndexParams.Refused($"invalid refine type : {refine}, optional types are [sq4u, sq6, sq8, fp16, bf16, fp32, flat]");
        }

        return given.Text("sq_type")?.ToUpperInvariant() switch
        {
            null or "SQ8" or "SQ6" or "SQ4U" => IndexStructure.CodedGraph,
            "BF16" or "FP16" => IndexStructure.Graph,
            _ => throw IndexParams.Refused("invalid scalar quantizer type"),
        };
    }

    private static IndexKind Lists(IndexParams given)
    {
        given.Integer("nlist", 1, 65536);
        return new IndexKind(IndexStructure.Graph, null, null);
    }

    private static MiniMilvusException Unknown(string type) => MiniMilvusException.Invalid($"invalid parameter[expected=valid index][actual=invalid index type: {type}]");
}
