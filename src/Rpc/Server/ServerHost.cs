using Grpc.AspNetCore.Server;
using Microsoft.Extensions.Logging;

namespace MiniMilvus.Rpc.Server;

/// <summary>What every method of a host shares.</summary>
internal sealed class ServerHost(GrpcServiceOptions options, TimeProvider clock, ILogger log)
{
    internal int ReceiveBytesMax { get; } = options.MaxReceiveMessageSize ?? int.MaxValue;

    internal int SendBytesMax { get; } = options.MaxSendMessageSize ?? int.MaxValue;

    internal bool DetailedErrors { get; } = options.EnableDetailedErrors ?? false;

    internal IReadOnlyList<InterceptorRegistration> Interceptors { get; } = [.. options.Interceptors];

    internal TimeProvider Clock => clock;

    internal ILogger Log => log;
}
