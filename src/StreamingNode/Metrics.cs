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
        _meter.CreateObservableGauge("milvus_streamingnode_wal_backlog_pressure", () => Each(service, o => o.Gate.Pressure), "", "0: appends go at once; up to 1: they are slowed because of the backlog; 1: refused");
        _meter.CreateObservableCounter("milvus_streamingnode_wal_backlog_slowed_appends", () => Each(service, o => o.Gate.Slowed), "appends", "Appends of this term that were slowed because of the backlog");
        _meter.CreateObservableCounter("milvus_streamingnode_wal_backlog_refused_appends", () => Each(service, o => o.Gate.Refused), "appends", "Appends of this term that were refused because of the backlog");
        _meter.CreateObservableGauge("milvus_streamingnode_wal_term", () => Each(service, o => o.Assignment.Term.Value), "term", "The term in which a pchannel is owned");
    }

    public void Dispose() => _meter.Dispose();

    private static IEnumerable<Measurement<T>> Each<T>(AppendService service, Func<ChannelOwner, T> value)
        where T : struct =>
        service.Owners.Select(o => new Measurement<T>(value(o), new KeyValuePair<string, object?>("channel_name", o.Assignment.Channel.Name))).ToArray();
}
