using Wire = MiniMilvus.Contracts.Wire.Schema;

namespace MiniMilvus.Client;

/// <summary>Primary keys in order: numbers or strings, by the type of the key field.</summary>
public sealed class MilvusIds
{
    private MilvusIds(IReadOnlyList<long>? longIds, IReadOnlyList<string>? stringIds) => (LongIds, StringIds) = (longIds, stringIds);

    /// <summary>The keys of an Int64 field, else null.</summary>
    public IReadOnlyList<long>? LongIds { get; }
    /// <summary>The keys of a VarChar field, else null.</summary>
    public IReadOnlyList<string>? StringIds { get; }
    /// <summary>How many.</summary>
    public int Count => LongIds?.Count ?? StringIds?.Count ?? 0;

    internal static MilvusIds FromWire(Wire.IDs? wire) => wire?.IdFieldCase switch
    {
        Wire.IDs.IdFieldOneofCase.IntId => new MilvusIds(wire.IntId.Data, null),
        Wire.IDs.IdFieldOneofCase.StrId => new MilvusIds(null, wire.StrId.Data),
        _ => new MilvusIds(null, null),
    };
}

/// <summary>What an insert, upsert or delete did.</summary>
public sealed class MutationResult
{
    internal MutationResult(Contracts.Wire.Milvus.MutationResult wire)
    {
        Ids = MilvusIds.FromWire(wire.IDs);
        Acknowledged = wire.Acknowledged;
        (InsertCount, DeleteCount, UpsertCount, Timestamp) = (wire.InsertCnt, wire.DeleteCnt, wire.UpsertCnt, wire.Timestamp);
        (SuccessIndex, ErrorIndex) = (wire.SuccIndex, wire.ErrIndex);
    }

    /// <summary>The keys of the rows, in row order.</summary>
    public MilvusIds Ids { get; }
    /// <summary>Rows that were written.</summary>
    public IReadOnlyList<uint> SuccessIndex { get; }
    /// <summary>Rows that were not.</summary>
    public IReadOnlyList<uint> ErrorIndex { get; }
    /// <summary>Whether the server vouches for the result.</summary>
    public bool Acknowledged { get; }
    /// <summary>Rows inserted.</summary>
    public long InsertCount { get; }
    /// <summary>Rows deleted.</summary>
    public long DeleteCount { get; }
    /// <summary>Rows upserted.</summary>
    public long UpsertCount { get; }
    /// <summary>The hybrid timestamp of the write; a read that guarantees it sees the write.</summary>
    public ulong Timestamp { get; }
}

/// <summary>What a search found. The hits of all queries lie one after the other; <see cref="Limits"/> says how many each has.</summary>
public sealed class SearchResults
{
    internal SearchResults(Contracts.Wire.Milvus.SearchResults wire)
    {
        var results = wire.Results ?? new Wire.SearchResultData();
        CollectionName = wire.CollectionName;
        SessionTimestamp = wire.SessionTs;
        FieldsData = [.. results.FieldsData.Select(ScalarColumns.FromWire)];
        Ids = MilvusIds.FromWire(results.Ids);
        (NumQueries, Limit) = (results.NumQueries, results.TopK);
        (Scores, Limits) = (results.Scores, results.Topks);
    }

    /// <summary>The collection searched.</summary>
    public string CollectionName { get; }
    /// <summary>The output fields, one row a hit.</summary>
    public IReadOnlyList<FieldData> FieldsData { get; }
    /// <summary>The primary keys of the hits.</summary>
    public MilvusIds Ids { get; }
    /// <summary>Queries in the request.</summary>
    public long NumQueries { get; }
    /// <summary>The scores of the hits, in the metric's own order.</summary>
    public IReadOnlyList<float> Scores { get; }
    /// <summary>Hits asked for.</summary>
    public long Limit { get; }
    /// <summary>Hits of each query.</summary>
    public IReadOnlyList<long> Limits { get; }
    /// <summary>The snapshot that was read, where the server says.</summary>
    public ulong SessionTimestamp { get; }

    /// <summary>An output column by name.</summary>
    public FieldData<T> Field<T>(string name) => FieldsData.Column<T>(name);
}

/// <summary>Reading columns by name.</summary>
public static class FieldDataExtensions
{
    /// <summary>The column of that name and type; an error names those that came.</summary>
    public static FieldData<T> Column<T>(this IReadOnlyList<FieldData> fields, string name) =>
        fields.FirstOrDefault(f => f.FieldName == name) switch
        {
            FieldData<T> column => column,
            { } other => throw new InvalidOperationException($"Field {name} is {other.DataType}, not {typeof(T).Name}."),
            null => throw new InvalidOperationException($"No field {name}; the answer has: {string.Join(", ", fields.Select(f => f.FieldName))}."),
        };
}
