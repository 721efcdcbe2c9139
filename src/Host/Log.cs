namespace MiniMilvus.Host;

/// <summary>Log messages of the host: 1000-1099.</summary>
internal static partial class Log
{
    [LoggerMessage(1000, LogLevel.Critical, "{Role} failed; the process stops")]
    public static partial void RoleFailed(ILogger logger, string role, Exception reason);

    [LoggerMessage(1001, LogLevel.Information, "listening: gRPC {Grpc}, HTTP {Http}; data in {Folder}; roles {Roles}")]
    public static partial void Listening(ILogger logger, string grpc, string http, string folder, Roles roles);

    [LoggerMessage(1002, LogLevel.Information, "stopped")]
    public static partial void Stopped(ILogger logger);

    [LoggerMessage(1003, LogLevel.Error, "scrub: damaged: {Problem}")]
    public static partial void Damaged(ILogger logger, string problem);

    [LoggerMessage(1004, LogLevel.Information, "scrub: {Blocks} blocks and {Objects} objects read, {Damaged} damaged")]
    public static partial void Scrubbed(ILogger logger, long blocks, long objects, int damaged);

    [LoggerMessage(1005, LogLevel.Warning, "scrub: this round ended early: {Reason}")]
    public static partial void ScrubEndedEarly(ILogger logger, string reason);
}
