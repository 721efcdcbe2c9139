namespace MiniMilvus.Client;

/// <summary>Field types, numbered as on the wire.</summary>
public enum MilvusDataType
{
    /// <summary>No type.</summary>
    None = 0,
    /// <summary>True or false.</summary>
    Bool = 1,
    /// <summary>8 bits, signed.</summary>
    Int8 = 2,
    /// <summary>16 bits, signed.</summary>
    Int16 = 3,
    /// <summary>32 bits, signed.</summary>
    Int32 = 4,
    /// <summary>64 bits, signed.</summary>
    Int64 = 5,
    /// <summary>Single precision.</summary>
    Float = 10,
    /// <summary>Double precision.</summary>
    Double = 11,
    /// <summary>Text of bounded length.</summary>
    VarChar = 21,
    /// <summary>An array of a scalar type.</summary>
    Array = 22,
    /// <summary>A JSON value.</summary>
    Json = 23,
    /// <summary>Bits.</summary>
    BinaryVector = 100,
    /// <summary>Single-precision floats.</summary>
    FloatVector = 101,
}

/// <summary>How two vectors are compared.</summary>
public enum SimilarityMetricType
{
    /// <summary>Squared Euclidean distance; smaller is closer.</summary>
    L2,
    /// <summary>Inner product; larger is closer.</summary>
    Ip,
    /// <summary>Cosine of the angle; larger is closer.</summary>
    Cosine,
    /// <summary>Differing bits, for binary vectors.</summary>
    Hamming,
    /// <summary>Set distance, for binary vectors.</summary>
    Jaccard,
}

/// <summary>Kinds of index.</summary>
public enum IndexType
{
    /// <summary>The server's choice.</summary>
    AutoIndex,
    /// <summary>An exact scan.</summary>
    Flat,
    /// <summary>The navigable small-world graph.</summary>
    Hnsw,
    /// <summary>Inverted lists with full vectors.</summary>
    IvfFlat,
    /// <summary>Inverted lists with one byte an entry.</summary>
    IvfSq8,
    /// <summary>Inverted lists with product quantisation.</summary>
    IvfPq,
    /// <summary>A graph on disk.</summary>
    DiskAnn,
}

/// <summary>How fresh a read must be; numbered as on the wire.</summary>
public enum ConsistencyLevel
{
    /// <summary>Sees every write acked before the read began.</summary>
    Strong = 0,
    /// <summary>Sees this client's own writes.</summary>
    Session = 1,
    /// <summary>May miss the last few seconds.</summary>
    BoundedStaleness = 2,
    /// <summary>Takes what is there.</summary>
    Eventually = 3,
    /// <summary>At the timestamp given in the request.</summary>
    Customized = 4,
}

internal static class WireNames
{
    public static string Of(SimilarityMetricType metric) => metric switch
    {
        SimilarityMetricType.L2 => "L2",
        SimilarityMetricType.Ip => "IP",
        SimilarityMetricType.Cosine => "COSINE",
        SimilarityMetricType.Hamming => "HAMMING",
        SimilarityMetricType.Jaccard => "JACCARD",
        _ => throw new ArgumentOutOfRangeException(nameof(metric), metric, "Unknown metric."),
    };

    public static string Of(IndexType index) => index switch
    {
        IndexType.AutoIndex => "AUTOINDEX",
        IndexType.Flat => "FLAT",
        IndexType.Hnsw => "HNSW",
        IndexType.IvfFlat => "IVF_FLAT",
        IndexType.IvfSq8 => "IVF_SQ8",
        IndexType.IvfPq => "IVF_PQ",
        IndexType.DiskAnn => "DISKANN",
        _ => throw new ArgumentOutOfRangeException(nameof(index), index, "Unknown index type."),
    };
}
