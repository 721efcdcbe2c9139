using Microsoft.Extensions.Logging;
using MiniMilvus.Core;

namespace MiniMilvus.QueryNode;

/// <summary>Log messages of the query node: 6000-6099.</summary>
internal static partial class Log
{
    [LoggerMessage(6000, LogLevel.Information, "{Channel}: target loaded, {Segments} sealed segments; reading the log from {From}")]
    public static partial void TargetLoaded(ILogger logger, VChannel channel, int segments, LogPosition from);

    [LoggerMessage(6001, LogLevel.Information, "{Channel}: caught up")]
    public static partial void CaughtUp(ILogger logger, VChannel channel);

    [LoggerMessage(6002, LogLevel.Warning, "{Channel}: failed, starting over in {Delay}")]
    public static partial void ShardFailed(ILogger logger, Exception failure, VChannel channel, TimeSpan delay);

    [LoggerMessage(6003, LogLevel.Information, "{Channel}: segment {Segment} handed off, {Rows} rows")]
    public static partial void HandedOff(ILogger logger, VChannel channel, SegmentId segment, int rows);

    [LoggerMessage(6004, LogLevel.Information, "{Channel}: segment {Segment} released")]
    public static partial void Released(ILogger logger, VChannel channel, SegmentId segment);

    [LoggerMessage(6005, LogLevel.Warning, "{Channel}: segment {Segment} could not be loaded, trying again in {Delay}")]
    public static partial void LoadFailed(ILogger logger, Exception failure, VChannel channel, SegmentId segment, TimeSpan delay);

    [LoggerMessage(6006, LogLevel.Information, "{Channel}: segment {Segment} got its index")]
    public static partial void IndexLoaded(ILogger logger, VChannel channel, SegmentId segment);

    [LoggerMessage(6007, LogLevel.Warning, "pchannel {Channel}: reader position {Position} not reported")]
    public static partial void ReportFailed(ILogger logger, Exception failure, PChannel channel, LogPosition position);

    [LoggerMessage(6008, LogLevel.Error, "graph building for segment {Segment} failed; its rows are searched exactly")]
    public static partial void GraphFailed(ILogger logger, Exception failure, SegmentId segment);

    [LoggerMessage(6011, LogLevel.Error, "{Channel}: an index of segment {Segment} is not used, its rows are searched exactly until it is built anew: {Problem}")]
    public static partial void IndexRefused(ILogger logger, VChannel channel, SegmentId segment, string problem);

    [LoggerMessage(6009, LogLevel.Information, "{Channel}: left")]
    public static partial void ShardStopped(ILogger logger, VChannel channel);

    [LoggerMessage(6010, LogLevel.Warning, "{Channel}: growing rows take {Bytes} bytes, the limit is {Limit}; reading waits for a handoff")]
    public static partial void GrowingFull(ILogger logger, VChannel channel, long bytes, long limit);

    [LoggerMessage(6012, LogLevel.Error, "{Channel}: the files of segment {Segment} are not used, its rows are read again from the log at {Start}: {Problem}")]
    public static partial void SegmentDamaged(ILogger logger, VChannel channel, SegmentId segment, LogPosition start, string problem);
}
