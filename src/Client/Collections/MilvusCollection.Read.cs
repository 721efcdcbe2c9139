using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using KeyValuePair = MiniMilvus.Contracts.Wire.Common.KeyValuePair;

namespace MiniMilvus.Client;

/// <content>Searches and queries.</content>
public sealed partial class MilvusCollection
{
    /// <summary>The <paramref name="limit"/> rows nearest to each query vector.</summary>
    /// <typeparam name="T">float for float vectors, byte for binary ones.</typeparam>
    public async Task<SearchResults> SearchAsync<T>(
        string vectorFieldName,
        IReadOnlyList<ReadOnlyMemory<T>> vectors,
        SimilarityMetricType metricType,
        int limit,
        SearchParameters? parameters = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(vectors);
        parameters ??= new SearchParameters();
        var guarantee = ReadGuarantee.Of(parameters.ConsistencyLevel, parameters.GuaranteeTimestamp, _client.LastWriteTo(Name));
        var request = new SearchRequest
        {
            CollectionName = Name,
            Dsl = parameters.Expression ?? "",
            DslType = DslType.BoolExprV1,
            PlaceholderGroup = Placeholders(vectors),
            Nq = vectors.Count,
            ConsistencyLevel = guarantee.Level,
            GuaranteeTimestamp = guarantee.Timestamp,
            UseDefaultConsistency = guarantee.UseDefault,
        };
        request.OutputFields.AddRange(parameters.OutputFields);
        request.PartitionNames.AddRange(parameters.PartitionNames);
        Add("anns_field", vectorFieldName);
        Add("metric_type", WireNames.Of(metricType));
        Add("topk", limit.ToString(CultureInfo.InvariantCulture));
        Add("params", parameters.ExtraParametersJson());
        if (parameters.Offset is { } offset)
        {
            Add("offset", offset.ToString(CultureInfo.InvariantCulture));
        }
        if (parameters.IgnoreGrowing)
        {
            Add("ignore_growing", "True");
        }
        if (parameters.GroupByField is { } field)
        {
            Add("group_by_field", field);
        }
        var response = await _client.Service.SearchAsync(request, _client.Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        return new SearchResults(response);

        void Add(string key, string value) => request.SearchParams.Add(new KeyValuePair { Key = key, Value = value });
    }

    /// <summary>The rows that pass a filter, as columns. An empty filter needs a limit.</summary>
    public async Task<IReadOnlyList<FieldData>> QueryAsync(string expression, QueryParameters? parameters = null, CancellationToken cancellationToken = default)
    {
        parameters ??= new QueryParameters();
        var guarantee = ReadGuarantee.Of(parameters.ConsistencyLevel, parameters.GuaranteeTimestamp, _client.LastWriteTo(Name));
        var request = new QueryRequest
        {
            CollectionName = Name,
            Expr = expression,
            ConsistencyLevel = guarantee.Level,
            GuaranteeTimestamp = guarantee.Timestamp,
            UseDefaultConsistency = guarantee.UseDefault,
        };
        request.OutputFields.AddRange(parameters.OutputFields);
        request.PartitionNames.AddRange(parameters.PartitionNames);
        if (parameters.Limit is { } limit)
        {
            request.QueryParams.Add(new KeyValuePair { Key = "limit", Value = limit.ToString(CultureInfo.InvariantCulture) });
        }
        if (parameters.Offset is { } offset)
        {
            request.QueryParams.Add(new KeyValuePair { Key = "offset", Value = offset.ToString(CultureInfo.InvariantCulture) });
        }
        var response = await _client.Service.QueryAsync(request, _client.Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        return [.. response.FieldsData.Select(ScalarColumns.FromWire)];
    }

    /// <summary>How many rows pass a filter; all when it is empty.</summary>
    public async Task<long> CountAsync(string expression = "", ConsistencyLevel? consistencyLevel = null, CancellationToken cancellationToken = default)
    {
        var parameters = new QueryParameters { OutputFields = { "count(*)" }, ConsistencyLevel = consistencyLevel };
        return (await QueryAsync(expression, parameters, cancellationToken)).Column<long>("count(*)").Data[0];
    }

    /// <summary>The rows with these primary keys, as columns.</summary>
    public Task<IReadOnlyList<FieldData>> GetAsync(
        string primaryKeyField, IEnumerable<long> ids, QueryParameters? parameters = null, CancellationToken cancellationToken = default) =>
        QueryAsync($"{primaryKeyField} in [{string.Join(", ", ids.Select(id => id.ToString(CultureInfo.InvariantCulture)))}]", parameters, cancellationToken);

    /// <summary>The rows with these primary keys, as columns.</summary>
    public Task<IReadOnlyList<FieldData>> GetAsync(
        string primaryKeyField, IEnumerable<string> ids, QueryParameters? parameters = null, CancellationToken cancellationToken = default) =>
        QueryAsync($"{primaryKeyField} in [{string.Join(", ", ids.Select(Filter.Quote))}]", parameters, cancellationToken);

    private static ByteString Placeholders<T>(IReadOnlyList<ReadOnlyMemory<T>> vectors)
        where T : unmanaged
    {
        var type = typeof(T) == typeof(float) ? PlaceholderType.FloatVector
            : typeof(T) == typeof(byte) ? PlaceholderType.BinaryVector
            : throw new NotSupportedException($"Vectors of {typeof(T).Name} can't be searched for; float and byte can.");
        var value = new PlaceholderValue { Tag = "$0", Type = type };
        foreach (var vector in vectors)
        {
            value.Values.Add(ByteString.CopyFrom(MemoryMarshal.AsBytes(vector.Span)));
        }
        return new PlaceholderGroup { Placeholders = { value } }.ToByteString();
    }
}
