using System.Globalization;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using MiniMilvus.Client;
using MiniMilvus.Host;

namespace MiniMilvus.Rag.Store;

/// <summary>
/// The database: the one named by --address, else the one that listens on 127.0.0.1:19530, else one started inside this process on that port,
/// with its data in a folder, so that any other Milvus client can look at it meanwhile.
/// </summary>
internal sealed class ServerConnection : IAsyncDisposable
{
    private const string DefaultHost = "127.0.0.1";
    private static readonly TimeSpan ProbeTime = TimeSpan.FromMilliseconds(500);

    private readonly MiniMilvusServer? _server;

    private ServerConnection(string address, string description, MiniMilvusServer? server)
    {
        (Address, Description, _server) = (address, description, server);
        Client = Connect();
    }

    public string Address { get; }
    public string Description { get; }
    public MilvusClient Client { get; }

    public static async Task<ServerConnection> OpenAsync(string? address, string dataFolder, CancellationToken ct)
    {
        var known = address ?? string.Create(CultureInfo.InvariantCulture, $"{DefaultHost}:{MilvusClient.DefaultPort}");
        var (host, port) = Parse(known);
        if (address is not null || await IsListeningAsync(host, port, ct))
        {
            var connection = new ServerConnection(known, "a running server", server: null);
            return connection;
        }
        var folder = Path.Combine(dataFolder, "server");
        var server = await MiniMilvusServer.StartAsync(
            new HostOptions { DataFolder = folder, GrpcPort = port, HttpPort = 0, LogToConsole = false, LogLevel = LogLevel.Warning }, ct);
        return new ServerConnection(server.GrpcAddress, $"started in this process, data in {folder}", server);
    }

    /// <summary>Another connection to the same server, to look from outside.</summary>
    public MilvusClient Connect()
    {
        var (host, port) = Parse(Address);
        return new MilvusClient(host, port);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    private static (string Host, int Port) Parse(string address)
    {
        var colon = address.LastIndexOf(':');
        return colon > 0 && int.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            ? (address[..colon], port)
            : (address, MilvusClient.DefaultPort);
    }

    private static async Task<bool> IsListeningAsync(string host, int port, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(ProbeTime);
        using var socket = new TcpClient();
        try
        {
            await socket.ConnectAsync(host, port, limit.Token);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return false;
        }
    }
}
