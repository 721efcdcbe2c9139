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
}
