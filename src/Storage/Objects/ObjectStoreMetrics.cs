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

    /// <param name="bill">What each class of keys has cost so far, asked for at each look.</param>
    public ObjectStoreMetrics(Func<IEnumerable<(string KeyClass, ObjectRequestTotals Totals, decimal Price)>> bill)
    {
        _requests = _meter.CreateCounter<long>("milvus_storage_op_count", "requests", "Requests to the object store, failed ones too");
        _failures = _meter.CreateCounter<long>("milvus_storage_op_failures", "requests", "Requests that ended in an error, conditions that did not hold among them");
        _bytes = _meter.CreateCounter<long>("milvus_storage_op_bytes", "bytes", "Content put and got");
        _meter.CreateObservableCounter("minimilvus_object_requests", () => bill().SelectMany(Requests), "requests", "Requests to the object store by log or collection, failed ones too");
        _meter.CreateObservableGauge("minimilvus_object_put_bytes", () => bill().Select(b => new Measurement<long>(b.Totals.PutBytes, Class(b.KeyClass))), "bytes", "Content put, by log or collection");
        _meter.CreateObservableGauge("minimilvus_object_price", () => bill().Select(b => new Measurement<double>((double)b.Price, Class(b.KeyClass))), "the tariff's currency", "What these requests cost since the start, by log or collection");
    }

    public void Requested(ObjectRequest request) => _requests.Add(1, s_operations[(int)request]);

    public void Failed(ObjectRequest request) => _failures.Add(1, s_operations[(int)request]);

    public void Carried(ObjectRequest request, long bytes) => _bytes.Add(bytes, s_operations[(int)request]);

    private static KeyValuePair<string, object?> Class(string name) => new("key_class", name);

    private static IEnumerable<Measurement<long>> Requests((string KeyClass, ObjectRequestTotals Totals, decimal Price) bill) =>
        new[] { bill.Totals.Puts, bill.Totals.Gets, bill.Totals.Heads, bill.Totals.Lists, bill.Totals.Deletes }
            .Select((count, i) => new Measurement<long>(count, Class(bill.KeyClass), s_operations[i]));

    public void Dispose() => _meter.Dispose();
}
