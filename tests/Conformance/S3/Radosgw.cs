using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Storage.S3;

namespace MiniMilvus.Conformance.S3;

/// <summary>Ceph's S3 gateway on loopback, from radosgw.sh beside these tests; it also stops when this process ends without saying so.</summary>
internal sealed class Radosgw : IAsyncDisposable
{
    private const int StartsMax = 2;
    private readonly TemporaryFolder _folder = new(isUnderTest: false);
    private readonly int _port = FreePort();

    private string Home => Path.Combine(_folder.Path, "radosgw");

    public S3Options Options => new()
    {
        Profile = S3Profile.Generic, Endpoint = new Uri($"http://127.0.0.1:{_port}"), Bucket = "minimilvus", CreatesBucket = true,
        Credentials = new S3Credentials("test-access", "test-secret"), RequestTimeout = TimeSpan.FromSeconds(60),
    };

    public static async Task<Radosgw> StartAsync()
    {
        for (var start = 1; ; start++)
        {
            var server = new Radosgw();
            var (code, output) = await server.RunAsync("start", server.Home, $"{server._port}", $"{Environment.ProcessId}");
            if (code == 0)
            {
                return server;
            }

            await server.DisposeAsync();
            if (start == StartsMax)
            {
                throw new InvalidOperationException($"radosgw did not start ({StartsMax} attempts):\n{output}");
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await RunAsync("stop", Home);
        _folder.Delete();
    }

    private async Task<(int Code, string Output)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("bash", [Path.Combine(AppContext.BaseDirectory, "Support", "radosgw.sh"), .. arguments]) { RedirectStandardError = true, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        try
        {
            // Daemons inherit the pipes and keep them open, so the script's end is what counts.
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, process.ExitCode == 0 ? "" : await error.WaitAsync(TimeSpan.FromSeconds(5)));
        }
        catch (Exception e) when (e is OperationCanceledException or TimeoutException)
        {
            process.Kill(entireProcessTree: false);
            return (-1, e.Message);
        }
    }

    /// <summary>Below the ports that the system hands out, with its neighbours (see radosgw.sh) free for now.</summary>
    private static int FreePort()
    {
        var random = new Random(Environment.ProcessId ^ (int)Stopwatch.GetTimestamp());
        for (var attempt = 0; attempt < 100; attempt++)
        {
            var port = random.Next(200, 320) * 100;
            if (Enumerable.Range(0, 2).Concat(Enumerable.Range(10, 20)).All(offset => IsFree(port + offset)))
            {
                return port;
            }
        }

        throw new InvalidOperationException("no free ports between 20000 and 32000");
    }

    private static bool IsFree(int port)
    {
        using var socket = new TcpListener(IPAddress.Loopback, port);
        try
        {
            socket.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
