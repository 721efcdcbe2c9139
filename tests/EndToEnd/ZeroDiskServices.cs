using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using MiniMilvus.Conformance.S3;

namespace MiniMilvus.EndToEnd;

/// <summary>An etcd and an S3 server of a test's own, where they are installed, and the settings that name them.</summary>
/// <param name="folder">Where they keep their files.</param>
/// <param name="instead">An S3 server of the test, in place of a real one.</param>
internal sealed class ZeroDiskServices(string folder, FakeS3? instead = null) : IAsyncDisposable
{
    private static readonly HashSet<int> s_given = [];
    private readonly int _s3Port = FreePort();
    private readonly int _etcdPort = FreePort();
    private Process? _etcd;

    public string[] Arguments =>
    [
        "--storageType", "remote", "--metaType", "etcd", "--etcd.endpoints", $"127.0.0.1:{_etcdPort}",
        "--minio.address", S3.ToString().TrimEnd('/'), "--minio.accessKeyId", instead is null ? "test-access" : FakeS3.AccessKey,
        "--minio.secretAccessKey", instead is null ? "test-secret" : FakeS3.SecretKey,
    ];

    public Uri S3 => instead?.Endpoint ?? new($"http://127.0.0.1:{_s3Port}");

    private string S3Home => Path.Combine(folder, "s3");

    public async Task StartAsync()
    {
        if (!Tools.IsOnPath("etcd") || (instead is null && ZeroDiskFactAttribute.Missing() is not null))
        {
            return;
        }

        if (instead is null)
        {
            var (code, output) = await RadosgwAsync("start", S3Home, $"{_s3Port}", $"{Environment.ProcessId}");
            Assert.True(code == 0, output);
        }

        var peer = FreePort();
        _etcd = Process.Start(new ProcessStartInfo("etcd",
        [
            "--data-dir", Path.Combine(folder, "etcd"), "--log-level", "error", "--initial-cluster", $"default=http://127.0.0.1:{peer}",
            "--listen-client-urls", $"http://127.0.0.1:{_etcdPort}", "--advertise-client-urls", $"http://127.0.0.1:{_etcdPort}",
            "--listen-peer-urls", $"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", $"http://127.0.0.1:{peer}",
        ]));
    }

    public async Task StopEtcdAsync()
    {
        _etcd!.Kill();
        await _etcd.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_etcd is not null)
        {
            await StopEtcdAsync();
            _etcd.Dispose();
            if (instead is null)
            {
                await RadosgwAsync("stop", S3Home);
            }
        }
    }

    private static Task<(int Code, string Output)> RadosgwAsync(params string[] arguments)
        => Tools.RunAsync(TimeSpan.FromMinutes(3), "bash", [Path.Combine(Tools.Root, "tests/Conformance/Support/radosgw.sh"), .. arguments]);

    /// <summary>Below the ports that the system hands out: radosgw.sh takes some neighbours too.</summary>
    private static int FreePort()
    {
        for (var port = 21_000 + (Environment.ProcessId % 50 * 100); ; port += 100)
        {
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                lock (s_given)
                {
                    if (s_given.Add(port))
                    {
                        return port;
                    }
                }
            }
            catch (SocketException)
            {
                continue;
            }
        }
    }
}
