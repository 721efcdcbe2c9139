using System.Diagnostics.Metrics;

namespace MiniMilvus.Proxy;

/// <summary>The proxy's instruments, with Milvus's names where one fits.</summary>
public sealed class ProxyMetrics : IDisposable
{
    public const string MeterName = "MiniMilvus.Proxy";

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _requests;
    private readonly Histogram<double> _latency;
    private readonly Counter<long> _insertedRows;
    private readonly Counter<long> _deletedRows;
    private readonly Counter<long> _searchedVectors;
    private readonly Counter<long> _distances;

    public ProxyMetrics()
    {
        _requests = _meter.CreateCounter<long>("milvus_proxy_req_count", description: "RPCs by name and outcome");
        _latency = _meter.CreateHistogram<double>("milvus_proxy_req_latency", "ms", "RPC duration by name");
        _insertedRows = _meter.CreateCounter<long>("milvus_proxy_insert_vectors_count", description: "rows written by insert and upsert");
        _deletedRows = _meter.CreateCounter<long>("milvus_proxy_delete_vectors_count", description: "primary keys sent to be deleted");
        _searchedVectors = _meter.CreateCounter<long>("milvus_proxy_search_vectors_count", description: "query vectors searched");
        _distances = _meter.CreateCounter<long>("minimilvus_proxy_search_distances", description: "distances that searches computed");
    }

    public void Served(string rpc, string status, TimeSpan duration)
    {
        _requests.Add(1, new("function_name", rpc), new("status", status));
        _latency.Record(duration.TotalMilliseconds, new KeyValuePair<string, object?>("function_name", rpc));
    }

    public void Inserted(long rows) => _insertedRows.Add(rows);

    public void Deleted(long keys) => _deletedRows.Add(keys);

    public void Searched(long vectors, long distances)
    {
        _searchedVectors.Add(vectors);
        _distances.Add(distances);
    }

    public void Dispose() => _meter.Dispose();
}
