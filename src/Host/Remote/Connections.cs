using Grpc.Core;
using Grpc.Net.Client;

namespace MiniMilvus.Host.Remote;

/// <summary>Connections to other processes, closed together.</summary>
internal sealed class Connections : IDisposable
{
    private readonly List<GrpcChannel> _channels = [];

    public CallInvoker Connect(string address)
    {
        var channel = GrpcChannel.ForAddress($"http://{address}", new GrpcChannelOptions
        {
            MaxReceiveMessageSize = HostLimits.MessageBytesMax, MaxSendMessageSize = HostLimits.MessageBytesMax,
        });
        lock (_channels)
        {
            _channels.Add(channel);
        }

        return channel.CreateCallInvoker();
    }

    public void Dispose()
    {
        lock (_channels)
        {
            foreach (var channel in _channels)
            {
                channel.Dispose();
            }
        }
    }
}
