using System.Diagnostics.Metrics;

namespace MiniMilvus.Storage.Objects;

internal enum ObjectRequest
{
    Put,
    Get,
    Head,
    List,
    Delete,
}

/// <summary>Counters of the object store, under Milvus's names where one fits.</summary>
internal sealed class ObjectStoreMetrics : IDisposable
{
    private static readonly KeyValuePair<string, object?>[] s_operations =
        [.. new[] { "put", "get", "stat", "list", "remove" }.Select(name => new KeyValuePair<string, object?>("persistent_data_op_type", name))];

    private readonly Meter _meter = new("MiniMilvus.Storage");
    private readonly Counter<long> _requests;
    private readonly Counter<long> _failures;
    private readonly Counter<long> _bytes;

    public ObjectStoreMetrics()
    {
        _requests = _meter.CreateCounter<long>("milvus_storage_op_count", "requests", "Requests to the object store, failed ones too");
        _failures = _meter.CreateCounter<long>("milvus_storage_op_failures", "requests", "Requests that ended in an error, conditions that did not hold among them");
        _bytes = _meter.CreateCounter<long>("milvus_storage_op_bytes", "bytes", "Content put and got");
    }

    public void Requested(ObjectRequest request) => _requests.Add(1, s_operations[(int)request]);

    public void Failed(ObjectRequest request) => _failures.Add(1, s_operations[(int)request]);

    public void Carried(ObjectRequest request, long bytes) => _bytes.Add(bytes, s_operations[(int)request]);

    public void Dispose() => _meter.Dispose();
}
