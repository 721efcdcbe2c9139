using Microsoft.Extensions.Logging;
using MiniMilvus.Core;

namespace MiniMilvus.DataNode;

/// <summary>Log messages of the data node: 5000-5099.</summary>
internal static partial class Log
{
    [LoggerMessage(5000, LogLevel.Information, "pchannel {Channel}: acquired in data term {Term}, reading from {Position}, {Shards} shards")]
    public static partial void ChannelAcquired(ILogger logger, PChannel channel, Term term, LogPosition position, int shards);

    [LoggerMessage(5001, LogLevel.Warning, "pchannel {Channel}: given up, data term {Term} is no longer the newest; nothing more is written")]
    public static partial void ChannelLost(ILogger logger, PChannel channel, Term term);

    [LoggerMessage(5002, LogLevel.Error, "pchannel {Channel}: data term {Term} ended by a failure")]
    public static partial void ChannelFailed(ILogger logger, PChannel channel, Term term, Exception reason);

    [LoggerMessage(5003, LogLevel.Warning, "{What}: trying again in {Pause}: {Reason}")]
    public static partial void WillRetry(ILogger logger, string what, TimeSpan pause, string reason);

    [LoggerMessage(5004, LogLevel.Information, "segment {Segment} of {Channel}: flushed, {Rows} rows, {Bytes} bytes")]
    public static partial void SegmentFlushed(ILogger logger, SegmentId segment, VChannel channel, long rows, long bytes);

    [LoggerMessage(5005, LogLevel.Information, "segment {Segment} of {Channel}: not kept, the catalogue no longer wants it: {Reason}")]
    public static partial void SegmentUnwanted(ILogger logger, SegmentId segment, VChannel channel, string reason);

    [LoggerMessage(5006, LogLevel.Debug, "{Channel}: {Deletes} deletes committed as file {File}")]
    public static partial void DeletesCommitted(ILogger logger, VChannel channel, long deletes, long file);

    [LoggerMessage(5007, LogLevel.Debug, "{Channel}: checkpoint at {Position}")]
    public static partial void CheckpointAdvanced(ILogger logger, VChannel channel, LogPosition position);

    [LoggerMessage(5008, LogLevel.Information, "{Channel}: asking for a seal: {Reason}")]
    public static partial void AskingForSeal(ILogger logger, VChannel channel, string reason);

    [LoggerMessage(5009, LogLevel.Warning, "{Channel}: the request to seal was not served; it will be made again: {Reason}")]
    public static partial void SealNotServed(ILogger logger, VChannel channel, string reason);

    [LoggerMessage(5010, LogLevel.Warning, "segment {Segment} of {Channel}: {Bytes} bytes let go to stay within the buffer; its rows will be read again from the log")]
    public static partial void BufferEvicted(ILogger logger, SegmentId segment, VChannel channel, long bytes);

    [LoggerMessage(5011, LogLevel.Warning, "segment {Segment} of {Channel}: rows at {Position} without a CreateSegment before them")]
    public static partial void SegmentWithoutBeginning(ILogger logger, SegmentId segment, VChannel channel, LogPosition position);

    [LoggerMessage(5012, LogLevel.Information, "segment {Segment}: index {Index} built over {Rows} rows, {Bytes} bytes")]
    public static partial void IndexBuilt(ILogger logger, SegmentId segment, long index, long rows, long bytes);

    [LoggerMessage(5013, LogLevel.Information, "segment {Segment}: index {Index} not kept, the catalogue no longer wants it: {Reason}")]
    public static partial void IndexUnwanted(ILogger logger, SegmentId segment, long index, string reason);

    [LoggerMessage(5014, LogLevel.Debug, "{Channel}: skipped, its collection {Collection} is not in the catalogue")]
    public static partial void CollectionUnknown(ILogger logger, VChannel channel, CollectionId collection);

    [LoggerMessage(5016, LogLevel.Debug, "pchannel {Channel}: {Files} files that nothing names were deleted")]
    public static partial void GarbageCollected(ILogger logger, PChannel channel, int files);

    [LoggerMessage(5017, LogLevel.Warning, "pchannel {Channel}: garbage not collected, next time again: {Reason}")]
    public static partial void GarbageNotCollected(ILogger logger, PChannel channel, string reason);

    [LoggerMessage(5018, LogLevel.Error, "segment {Segment}: index {Index} is not built, nor tried again before the next start: {Reason}")]
    public static partial void IndexNotBuilt(ILogger logger, SegmentId segment, long index, string reason);

    [LoggerMessage(5019, LogLevel.Information, "segment {Segment} of {Channel}: compacted from {Inputs} segments, {Rows} rows kept and {Purged} left out")]
    public static partial void Compacted(ILogger logger, SegmentId segment, VChannel channel, int inputs, long rows, long purged);

    [LoggerMessage(5020, LogLevel.Information, "{Channel}: a compaction was given up, the catalogue no longer wants it: {Reason}")]
    public static partial void CompactionUnwanted(ILogger logger, VChannel channel, string reason);

    [LoggerMessage(5021, LogLevel.Error, "{Channel}: segments are not compacted, nor tried again before the next start: {Reason}")]
    public static partial void NotCompacted(ILogger logger, VChannel channel, string reason);

    [LoggerMessage(5015, LogLevel.Information, "{Channel}: collection {Collection} dropped, its buffers are let go")]
    public static partial void CollectionDropped(ILogger logger, VChannel channel, CollectionId collection);
}
