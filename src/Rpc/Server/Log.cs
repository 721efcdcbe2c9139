using Microsoft.Extensions.Logging;

namespace MiniMilvus.Rpc.Server;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Error, "Handler of {Method} failed")]
    internal static partial void HandlerFailed(ILogger log, string method, Exception e);

    [LoggerMessage(2, LogLevel.Error, "Ending {Method} at its deadline failed")]
    internal static partial void DeadlineFailed(ILogger log, string method, Exception e);

    [LoggerMessage(3, LogLevel.Debug, "Ignored grpc-timeout '{Timeout}' of {Method}: not a timeout")]
    internal static partial void TimeoutIgnored(ILogger log, string method, string timeout);

    [LoggerMessage(4, LogLevel.Debug, "{Method} ended with {Status}: {Detail}")]
    internal static partial void EndedWith(ILogger log, string method, Grpc.Core.StatusCode status, string detail);
}
