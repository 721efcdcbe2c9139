using System.Diagnostics.Metrics;
using MiniMilvus.Core;
using MiniMilvus.DataNode.Flush;

namespace MiniMilvus.DataNode;

/// <summary>Counters and gauges of the data node, under Milvus's names where one fits.</summary>
internal sealed class Metrics : IDisposable
{
    private readonly Meter _meter = new("MiniMilvus.DataNode");
    private readonly Counter<long> _consumedRows;
    private readonly Counter<long> _flushRequests;
    private readonly Counter<long> _flushedRows;
    private readonly Counter<long> _flushedBytes;
    private readonly Counter<long> _evictions;
    private readonly Counter<long> _collected;
    private readonly Histogram<double> _saveLatency;
    private readonly Histogram<double> _buildLatency;
    private readonly Histogram<double> _checkpointLag;
    private long _bufferedRows;

    public Metrics(BufferBudget budget)
    {
        _consumedRows = _meter.CreateCounter<long>("milvus_datanode_msg_rows_count", "rows", "Rows and deletes consumed from the log");
        _flushRequests = _meter.CreateCounter<long>("milvus_datanode_flush_req_count", "segments", "Sealed segments that the log asked to persist");
        _flushedRows = _meter.CreateCounter<long>("milvus_datanode_flushed_data_rows", "rows", "Rows and deletes in committed files");
        _flushedBytes = _meter.CreateCounter<long>("milvus_datanode_flushed_data_size", "bytes", "Bytes of committed files");
        _evictions = _meter.CreateCounter<long>("milvus_datanode_buffer_evictions", "buffers", "Growing buffers let go to stay within the budget");
        _saveLatency = _meter.CreateHistogram<double>("milvus_datanode_save_latency", "ms", "From the start of an upload to its commit");
        _buildLatency = _meter.CreateHistogram<double>("milvus_datanode_build_index_latency", "ms", "From reading the vectors to the commit of the index");
        _collected = _meter.CreateCounter<long>("minimilvus_datanode_garbage_files", "files", "Files that nothing named, deleted");
        _checkpointLag = _meter.CreateHistogram<double>("milvus_datanode_checkpoint_lag", "ms", "How far a committed checkpoint lies behind what was consumed");
        _meter.CreateObservableGauge("milvus_datanode_buffer_bytes", () => budget.Used, "bytes", "Rows and deletes held in memory");
        _meter.CreateObservableGauge("milvus_datanode_buffer_rows", () => Interlocked.Read(ref _bufferedRows), "rows", "Rows held for growing and sealed segments");
    }

    public void Consumed(string kind, long rows) => _consumedRows.Add(rows, new KeyValuePair<string, object?>("msg_type", kind));

    public void Buffered(long rows) => Interlocked.Add(ref _bufferedRows, rows);

    public void FlushRequested() => _flushRequests.Add(1);

    public void Collected(long files) => _collected.Add(files);

    public void Evicted() => _evictions.Add(1);

    public void Flushed(string kind, long rows, long bytes, TimeSpan took)
    {
        var tag = new KeyValuePair<string, object?>("msg_type", kind);
        _flushedRows.Add(rows, tag);
        _flushedBytes.Add(bytes, tag);
        _saveLatency.Record(took.TotalMilliseconds, tag);
    }

    public void IndexBuilt(TimeSpan took) => _buildLatency.Record(took.TotalMilliseconds);

    public void CheckpointLag(VChannel channel, long milliseconds) =>
        _checkpointLag.Record(milliseconds, new KeyValuePair<string, object?>("channel_name", channel.Name));

    public void Dispose() => _meter.Dispose();
}
