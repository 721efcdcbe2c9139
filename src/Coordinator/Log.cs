using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;

namespace MiniMilvus.Coordinator;

/// <summary>Log messages of the coordinator: 2000-2099.</summary>
internal static partial class Log
{
    [LoggerMessage(2000, LogLevel.Information, "pchannel {Channel}: assigned to node {Node} in term {Term}")]
    public static partial void ChannelAssigned(ILogger logger, PChannel channel, Term term, long node);

    [LoggerMessage(2001, LogLevel.Information, "node {Node} ({Role}) joined from '{Address}'")]
    public static partial void NodeJoined(ILogger logger, long node, string role, string address);

    [LoggerMessage(2002, LogLevel.Information, "node {Node} left")]
    public static partial void NodeLeft(ILogger logger, long node);

    [LoggerMessage(2003, LogLevel.Information, "collection {Name} ({Id}): {State}")]
    public static partial void CollectionState(ILogger logger, string name, CollectionId id, DdlState state);

    [LoggerMessage(2004, LogLevel.Warning, "unfinished DDL could not be resumed yet; it will be tried again")]
    public static partial void ResumePostponed(ILogger logger, Exception reason);

    [LoggerMessage(2006, LogLevel.Warning, "node {Node}: the end of its session could not be recorded")]
    public static partial void SessionEndFailed(ILogger logger, long node, Exception reason);

    [LoggerMessage(2007, LogLevel.Information, "segment {Segment}: compacted from {Inputs} segments, {Rows} rows")]
    public static partial void SegmentsCompacted(ILogger logger, SegmentId segment, int inputs, long rows);

    [LoggerMessage(2008, LogLevel.Debug, "segment {Segment}: forgotten, nothing can bring its rows again")]
    public static partial void SegmentForgotten(ILogger logger, SegmentId segment);

    [LoggerMessage(2005, LogLevel.Debug, "segment {Segment}: {Step} committed")]
    public static partial void SegmentCommitted(ILogger logger, SegmentId segment, string step);
}
