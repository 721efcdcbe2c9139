using System.Diagnostics.Metrics;

namespace MiniMilvus.QueryNode;

/// <summary>What a query node counts. Milvus's names where one fits.</summary>
internal sealed class QueryNodeMetrics : IDisposable
{
    public const string MeterName = "MiniMilvus.QueryNode";
    private readonly Meter _meter = new(MeterName);
    private long _growingRows;
    private long _rowsWaitingForGraph;

    public QueryNodeMetrics()
    {
        Searches = _meter.CreateCounter<long>("milvus_querynode_sq_req_count", "{request}", "searches and queries answered or refused");
        Distances = _meter.CreateCounter<long>("minimilvus_querynode_distances_computed", "{distance}", "distances computed by searches");
        GraphsBuilt = _meter.CreateCounter<long>("minimilvus_querynode_growing_graph_steps", "{step}", "extensions of growing graphs");
        RowsConsumed = _meter.CreateCounter<long>("milvus_querynode_consumer_msg_count", "{row}", "rows consumed from the log");
        WaitTime = _meter.CreateHistogram<double>("milvus_querynode_sq_wait_tsafe_latency", "ms", "how long reads waited for their guarantee");
        _meter.CreateObservableGauge("minimilvus_querynode_growing_rows", () => Interlocked.Read(ref _growingRows), "{row}", "rows in growing segments");
        _meter.CreateObservableGauge("minimilvus_querynode_rows_waiting_for_graph", () => Interlocked.Read(ref _rowsWaitingForGraph), "{row}", "growing rows searched exactly: the backlog of graph building");
    }

    public Counter<long> Searches { get; }
    public Counter<long> Distances { get; }
    public Counter<long> GraphsBuilt { get; }
    public Counter<long> RowsConsumed { get; }
    public Histogram<double> WaitTime { get; }

    public long GrowingRows => Interlocked.Read(ref _growingRows);
    public long RowsWaitingForGraph => Interlocked.Read(ref _rowsWaitingForGraph);

    public void AddGrowingRows(long rows) => Interlocked.Add(ref _growingRows, rows);

    public void AddWaitingRows(long rows) => Interlocked.Add(ref _rowsWaitingForGraph, rows);

    /// <summary>The lag of the slowest shard behind the clock.</summary>
    public void ObserveLag(Func<double> seconds) =>
        _meter.CreateObservableGauge("milvus_querynode_tsafe_lag_seconds", seconds, "s", "how far the slowest shard's tSafe is behind the clock");

    public void Dispose() => _meter.Dispose();
}
