using System.Net;
using System.Net.Sockets;

namespace MiniMilvus.Conformance.Etcd;

/// <summary>Stands between a client and a server on loopback; can withhold what the server says, and break all connections.</summary>
internal sealed class LossyProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Lock _lock = new();
    private readonly List<TcpClient> _open = [];
    private readonly int _serverPort;
    private readonly Task _accepting;
    private volatile bool _withholds;

    public LossyProxy(string server)
    {
        _serverPort = new Uri(server).Port;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Endpoint => $"http://{_listener.LocalEndpoint}";

    /// <summary>From now on no byte of the server arrives.</summary>
    public void WithholdReplies() => _withholds = true;

    /// <summary>Ends all connections; new ones carry both ways.</summary>
    public void Break()
    {
        lock (_lock)
        {
            _open.ForEach(c => c.Close());
            _open.Clear();
            _withholds = false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        Break();
        await _accepting;
    }

    private async Task AcceptAsync()
    {
        var pumps = new List<Task>();
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync();
                var server = new TcpClient();
                await server.ConnectAsync(IPAddress.Loopback, _serverPort);
                lock (_lock)
                {
                    _open.AddRange([client, server]);
                }

                pumps.Add(PumpAsync(client.GetStream(), server.GetStream(), isReply: false));
                pumps.Add(PumpAsync(server.GetStream(), client.GetStream(), isReply: true));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Stopped.
            await Task.WhenAll(pumps);
        }
    }

    private async Task PumpAsync(NetworkStream from, NetworkStream to, bool isReply)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            for (int read; (read = await from.ReadAsync(buffer)) > 0;)
            {
                if (!isReply || !_withholds)
                {
                    await to.WriteAsync(buffer.AsMemory(0, read));
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // Broken on purpose, or by the other end.
        }
    }
}
