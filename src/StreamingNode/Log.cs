using Microsoft.Extensions.Logging;
using MiniMilvus.Core;

namespace MiniMilvus.StreamingNode;

/// <summary>Log messages of the streaming node: 3000-3099.</summary>
internal static partial class Log
{
    [LoggerMessage(4000, LogLevel.Information, "pchannel {Channel}: opened in term {Term}, confirmed {Confirmed}, {Shards} shards")]
    public static partial void ChannelOpened(ILogger logger, PChannel channel, Term term, LogPosition confirmed, int shards);

    [LoggerMessage(4001, LogLevel.Error, "pchannel {Channel}: term {Term} ended by a failure; reporting it to be assigned anew")]
    public static partial void ChannelFailed(ILogger logger, PChannel channel, Term term, Exception reason);

    [LoggerMessage(4002, LogLevel.Information, "pchannel {Channel}: term {Term} closed")]
    public static partial void ChannelClosed(ILogger logger, PChannel channel, Term term);

    [LoggerMessage(4003, LogLevel.Debug, "pchannel {Channel}: truncated below {Position}")]
    public static partial void LogTruncated(ILogger logger, PChannel channel, LogPosition position);

    [LoggerMessage(4004, LogLevel.Warning, "pchannel {Channel}: truncation failed; it will be tried again")]
    public static partial void TruncationFailed(ILogger logger, PChannel channel, Exception reason);
}
