using System.Diagnostics.Metrics;
using MiniMilvus.StreamingNode.Append;

namespace MiniMilvus.StreamingNode;

/// <summary>Gauges of the streaming node, read when somebody asks.</summary>
internal sealed class Metrics : IDisposable
{
    private readonly Meter _meter = new("MiniMilvus.StreamingNode");

    public Metrics(AppendService service)
    {
        _meter.CreateObservableGauge("milvus_streamingnode_wal_tail_buffer_bytes", () => Each(service, o => o.Tail.Bytes), "bytes", "Recent messages kept for tail readers");
        _meter.CreateObservableGauge("milvus_streamingnode_wal_backlog_bytes", () => Each(service, o => o.Backlog.Bytes), "bytes", "Log bytes above the lowest checkpoint");
        _meter.CreateObservableGauge("milvus_streamingnode_wal_term", () => Each(service, o => o.Assignment.Term.Value), "term", "The term in which a pchannel is owned");
    }

    public void Dispose() => _meter.Dispose();

    private static IEnumerable<Measurement<long>> Each(AppendService service, Func<ChannelOwner, long> value) =>
        service.Owners.Select(o => new Measurement<long>(value(o), new KeyValuePair<string, object?>("channel_name", o.Assignment.Channel.Name))).ToArray();
}
