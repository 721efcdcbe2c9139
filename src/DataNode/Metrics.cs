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
    private readonly Histogram<double> _compactionLatency;
    private readonly Counter<long> _compactedSegments;
    private readonly Counter<long> _compactedRows;
    private readonly Counter<long> _compactedBytes;
    private readonly Counter<long> _purgedRows;
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
        _compactionLatency = _meter.CreateHistogram<double>("milvus_datanode_compaction_latency", "ms", "From the plan of a compaction to its commit");
        _compactedSegments = _meter.CreateCounter<long>("minimilvus_datanode_compacted_segments", "segments", "Segments that were compacted into another");
        _compactedRows = _meter.CreateCounter<long>("minimilvus_datanode_compacted_rows", "rows", "Rows in the outputs of compactions");
        _compactedBytes = _meter.CreateCounter<long>("milvus_datanode_write_data_size", "bytes", "Bytes of the outputs of compactions");
        _purgedRows = _meter.CreateCounter<long>("minimilvus_datanode_purged_rows", "rows", "Deleted rows that compactions left out");
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

    public void Compacted(int segments, long rows, long purged, long bytes, TimeSpan took)
    {
        _compactedSegments.Add(segments);
        _compactedRows.Add(rows);
        _compactedBytes.Add(bytes);
        _purgedRows.Add(purged);
        _compactionLatency.Record(took.TotalMilliseconds);
    }

    public void CheckpointLag(VChannel channel, long milliseconds) =>
        _checkpointLag.Record(milliseconds, new KeyValuePair<string, object?>("channel_name", channel.Name));

    public void Dispose() => _meter.Dispose();
}
