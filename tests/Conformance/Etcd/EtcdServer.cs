using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Storage.Etcd;

namespace MiniMilvus.Conformance.Etcd;

/// <summary>One etcd of one member on loopback, with a data folder of its own that outlives its process.</summary>
public sealed class EtcdServer : IAsyncDisposable
{
    private const int StartsMax = 3;
    private static int s_roots;
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(60);
    private readonly TemporaryFolder _folder = new(isUnderTest: false);
    private readonly ConcurrentQueue<string> _log = new();
    private readonly string[] _more;
    private readonly string _scheme;
    private int _clientPort;
    private int _peerPort;
    private Process? _process;

    private EtcdServer(string scheme, string[] more)
    {
        _scheme = scheme;
        _more = more;
    }

    public string Endpoint => $"{_scheme}://127.0.0.1:{_clientPort}";

    /// <summary>Each time another root path.</summary>
    public EtcdOptions Options => new() { Endpoints = [Endpoint], RootPath = $"deployment-{Interlocked.Increment(ref s_roots)}" };

    /// <param name="more">Further arguments of etcd.</param>
    public static async Task<EtcdServer> StartAsync(string scheme = "http", params string[] more)
    {
        var server = new EtcdServer(scheme, more);
        for (var start = 1; ; start++)
        {
            (server._clientPort, server._peerPort) = (FreePort(), FreePort());
            try
            {
                await server.RestartAsync();
                return server;
            }
            catch (InvalidOperationException) when (start < StartsMax)
            {
                // Somebody took one of the ports between the look and the start.
            }
            catch
            {
                await server.DisposeAsync();
                throw;
            }
        }
    }

    /// <summary>The process again, on the same ports and data.</summary>
    public async Task RestartAsync()
    {
        var (client, peer) = ($"{_scheme}://127.0.0.1:{_clientPort}", $"http://127.0.0.1:{_peerPort}");
        string[] arguments =
        [
            // Without fsync: a killed process loses nothing that it wrote, and the machine stays up.
            "--name", $"n{_clientPort}", "--data-dir", _folder.Path, "--logger", "zap", "--unsafe-no-fsync",
            "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", $"n{_clientPort}={peer}", .. _more,
        ];
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var process = Process.Start(new ProcessStartInfo("etcd", arguments) { RedirectStandardError = true, WorkingDirectory = _folder.Path })!;
        _process = process;
        process.ErrorDataReceived += (_, e) =>
        {
            if (e.Data is null)
            {
                ready.TrySetException(new InvalidOperationException($"etcd ended before it was ready:\n{Log()}"));
                return;
            }

            _log.Enqueue(e.Data);
            if (e.Data.Contains("serving client traffic", StringComparison.Ordinal))
            {
                ready.TrySetResult();
            }
        };
        process.BeginErrorReadLine();
        try
        {
            await ready.Task.WaitAsync(StartTime);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"etcd was not ready within {StartTime}:\n{Log()}");
        }
    }

    /// <summary>SIGKILL: every connection breaks.</summary>
    public async Task KillAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _folder.Delete();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private string Log() => string.Join('\n', _log.TakeLast(50));
}

/// <summary>One server for all tests of a class, started by the first that asks: a class whose tests are skipped starts none.</summary>
public sealed class EtcdFixture : IAsyncLifetime
{
    private EtcdServer? _server;

    public async Task<EtcdServer> ServerAsync() => _server ??= await EtcdServer.StartAsync();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _server?.DisposeAsync().AsTask() ?? Task.CompletedTask;
}
