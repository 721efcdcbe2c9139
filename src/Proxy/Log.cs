using MiniMilvus.Core;

namespace MiniMilvus.Proxy;

/// <summary>The proxy's log lines, events 3000-3099. One Debug line a call; Warning and above ask for attention.</summary>
internal static partial class Log
{
    [LoggerMessage(3000, LogLevel.Debug, "{Rpc} took {Milliseconds:F1} ms: code {Code}")]
    public static partial void Served(ILogger logger, string rpc, double milliseconds, int code);

    [LoggerMessage(3001, LogLevel.Debug, "{Rpc} took {Milliseconds:F1} ms: refused with code {Code}: {Reason}")]
    public static partial void Refused(ILogger logger, string rpc, double milliseconds, int code, string reason);

    [LoggerMessage(3002, LogLevel.Warning, "{Rpc} is UNIMPLEMENTED")]
    public static partial void Unimplemented(ILogger logger, string rpc);

    [LoggerMessage(3003, LogLevel.Error, "{Rpc} failed unexpectedly after {Milliseconds:F1} ms: INTERNAL")]
    public static partial void Unexpected(ILogger logger, string rpc, double milliseconds, Exception exception);

    [LoggerMessage(3004, LogLevel.Debug, "{Rpc} was cancelled by its caller after {Milliseconds:F1} ms")]
    public static partial void Cancelled(ILogger logger, string rpc, double milliseconds);

    [LoggerMessage(3010, LogLevel.Information, "{Channel}: the owner in term {Term} refused; asking for the new owner (attempt {Attempt})")]
    public static partial void OwnerMoved(ILogger logger, PChannel channel, Term term, int attempt);

    [LoggerMessage(3011, LogLevel.Debug, "{Channel}: the timetick signal was not answered; the periodic tick must do: {Reason}")]
    public static partial void SignalFailed(ILogger logger, PChannel channel, string reason);

    [LoggerMessage(3020, LogLevel.Information, "Proxy serves Milvus {Version}")]
    public static partial void Started(ILogger logger, string version);

    [LoggerMessage(3021, LogLevel.Information, "Proxy stopped")]
    public static partial void Stopped(ILogger logger);
}
