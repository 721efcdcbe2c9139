namespace MiniMilvus.Core.Schema;

/// <summary>Field types, numbered as in Milvus's <c>schema.DataType</c>.</summary>
public enum DataType
{
    None = 0,
    Bool = 1,
    Int8 = 2,
    Int16 = 3,
    Int32 = 4,
    Int64 = 5,
    Float = 10,
    Double = 11,
    String = 20,
    VarChar = 21,
    Array = 22,
    Json = 23,
    BinaryVector = 100,
    FloatVector = 101,
    Float16Vector = 102,
    BFloat16Vector = 103,
    SparseFloatVector = 104,
    Int8Vector = 105,
}

/// <summary>How two vectors are compared. L2 is the squared distance, smaller is closer; for IP and COSINE larger is closer.</summary>
public enum MetricType
{
    L2,
    IP,
    Cosine,
}

/// <summary>Consistency levels, numbered as in Milvus.</summary>
public enum ConsistencyLevel
{
    Strong = 0,
    Session = 1,
    Bounded = 2,
    Eventually = 3,
    Customized = 4,
}
