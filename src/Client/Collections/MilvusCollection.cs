using System.Globalization;
using MiniMilvus.Contracts.Wire.Milvus;

namespace MiniMilvus.Client;

/// <summary>A handle on one collection, by name or alias. Cheap and thread-safe; made by <see cref="MilvusClient.GetCollection"/>.</summary>
public sealed partial class MilvusCollection
{
    private readonly MilvusClient _client;

    internal MilvusCollection(MilvusClient client, string name) => (_client, Name) = (client, name);

    /// <summary>The name used in requests.</summary>
    public string Name { get; }

    /// <summary>Schema, aliases, properties and the rest. Error: code 100, no such collection.</summary>
    public async Task<MilvusCollectionDescription> DescribeAsync(CancellationToken cancellationToken = default)
    {
        var response = await _client.Service.DescribeCollectionAsync(new DescribeCollectionRequest { CollectionName = Name }, _client.Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        return new MilvusCollectionDescription(response);
    }

    /// <summary>Drops the collection with its rows.</summary>
    public Task DropAsync(CancellationToken cancellationToken = default) => _client.DropCollectionAsync(Name, cancellationToken);

    /// <summary>Rows that the server counts without reading them; deleted ones may still be among them.</summary>
    public async Task<long> GetEntityCountAsync(CancellationToken cancellationToken = default)
    {
        var response = await _client.Service.GetCollectionStatisticsAsync(
            new GetCollectionStatisticsRequest { CollectionName = Name }, _client.Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        return response.Stats.FirstOrDefault(s => s.Key == "row_count") is { } count ? long.Parse(count.Value, CultureInfo.InvariantCulture) : 0;
    }

    /// <summary>Sets properties of the collection.</summary>
    public Task AlterAsync(IReadOnlyDictionary<string, string> properties, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(properties);
        var request = new AlterCollectionRequest { CollectionName = Name };
        request.Properties.AddRange(properties.Select(p => new Contracts.Wire.Common.KeyValuePair { Key = p.Key, Value = p.Value }));
        return MilvusClient.CheckAsync(_client.Service.AlterCollectionAsync(request, _client.Options(cancellationToken)));
    }

    /// <summary>Starts to load the collection into the query nodes; it can be searched once loaded.</summary>
    public Task LoadAsync(int replicaNumber = 1, CancellationToken cancellationToken = default) =>
        MilvusClient.CheckAsync(_client.Service.LoadCollectionAsync(
            new LoadCollectionRequest { CollectionName = Name, ReplicaNumber = replicaNumber }, _client.Options(cancellationToken)));

    /// <summary>Takes the collection out of the query nodes.</summary>
    public Task ReleaseAsync(CancellationToken cancellationToken = default) =>
        MilvusClient.CheckAsync(_client.Service.ReleaseCollectionAsync(
            new ReleaseCollectionRequest { CollectionName = Name }, _client.Options(cancellationToken)));

    /// <summary>Per cent loaded.</summary>
    public async Task<long> GetLoadingProgressAsync(CancellationToken cancellationToken = default)
    {
        var response = await _client.Service.GetLoadingProgressAsync(
            new GetLoadingProgressRequest { CollectionName = Name }, _client.Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        return response.Progress;
    }

    /// <summary>Waits until the collection is loaded.</summary>
    public Task WaitForCollectionLoadAsync(
        TimeSpan? waitingInterval = null, TimeSpan? timeout = null, IProgress<long>? progress = null, CancellationToken cancellationToken = default) =>
        _client.PollAsync(
            async ct =>
            {
                var percent = await GetLoadingProgressAsync(ct);
                progress?.Report(percent);
                return percent >= 100;
            },
            waitingInterval, timeout, $"Loading collection {Name}", cancellationToken);

    /// <summary>Creates an index on a vector field.</summary>
    public Task CreateIndexAsync(
        string fieldName,
        IndexType? indexType = null,
        SimilarityMetricType? metricType = null,
        string? indexName = null,
        IDictionary<string, string>? extraParams = null,
        CancellationToken cancellationToken = default)
    {
        var request = new CreateIndexRequest { CollectionName = Name, FieldName = fieldName, IndexName = indexName ?? "" };
        if (indexType is { } index)
        {
            Add("index_type", WireNames.Of(index));
        }
        if (metricType is { } metric)
        {
            Add("metric_type", WireNames.Of(metric));
        }
        if (extraParams is { Count: > 0 })
        {
            Add("params", new SearchParameters { ExtraParameters = extraParams }.ExtraParametersJson());
        }
        return MilvusClient.CheckAsync(_client.Service.CreateIndexAsync(request, _client.Options(cancellationToken)));

        void Add(string key, string value) => request.ExtraParams.Add(new Contracts.Wire.Common.KeyValuePair { Key = key, Value = value });
    }

    /// <summary>The indexes of a field (all of the collection when none is named). Error: code 700, no index.</summary>
    public async Task<IReadOnlyList<MilvusIndexInfo>> DescribeIndexAsync(string fieldName = "", string? indexName = null, CancellationToken cancellationToken = default)
    {
        var response = await _client.Service.DescribeIndexAsync(
            new DescribeIndexRequest { CollectionName = Name, FieldName = fieldName, IndexName = indexName ?? "" }, _client.Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        return [.. response.IndexDescriptions.Select(d => new MilvusIndexInfo(d))];
    }

    /// <summary>Waits until the sealed rows of a field are indexed.</summary>
    public Task WaitForIndexBuildAsync(
        string fieldName, string? indexName = null, TimeSpan? waitingInterval = null, TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        _client.PollAsync(
            async ct =>
            {
                var states = await DescribeIndexAsync(fieldName, indexName, ct);
                var failed = states.FirstOrDefault(s => s.State == IndexState.Failed);
                return failed is not null
                    ? throw new InvalidOperationException($"Index {failed.IndexName} of {Name}.{fieldName} failed: {failed.FailReason}")
                    : states.All(s => s.State == IndexState.Finished);
            },
            waitingInterval, timeout, $"The index on {Name}.{fieldName}", cancellationToken);

    /// <summary>Drops an index.</summary>
    public Task DropIndexAsync(string fieldName, string? indexName = null, CancellationToken cancellationToken = default) =>
        MilvusClient.CheckAsync(_client.Service.DropIndexAsync(
            new DropIndexRequest { CollectionName = Name, FieldName = fieldName, IndexName = indexName ?? "" }, _client.Options(cancellationToken)));
}
