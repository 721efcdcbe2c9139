using Microsoft.Extensions.Logging;

namespace MiniMilvus.Woodpecker;

/// <summary>Log messages of Woodpecker: 7000-7099.</summary>
internal static partial class Log
{
    [LoggerMessage(7000, LogLevel.Debug, "log {Name}: collected truncated segment {Segment} (none: one without metadata), {Bytes} bytes; {Left} are left")]
    public static partial void Collected(ILogger logger, string name, long? segment, long bytes, int left);

    [LoggerMessage(7001, LogLevel.Warning, "log {Name}: the collection of truncated segments failed; it is tried again, and said once")]
    public static partial void CollectionFailed(ILogger logger, string name, Exception reason);

    [LoggerMessage(7002, LogLevel.Information, "log {Name}: finished a deletion that had been cut short")]
    public static partial void DeletionFinished(ILogger logger, string name);

    [LoggerMessage(7003, LogLevel.Warning, "deletions that were cut short could not be looked for")]
    public static partial void DeletedNotListed(ILogger logger, Exception reason);
}
