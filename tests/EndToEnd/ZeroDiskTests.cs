using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace MiniMilvus.EndToEnd;

/// <summary>Metadata in a real etcd, log and segments in a real S3 server: the process itself keeps nothing.</summary>
public sealed class ZeroDiskTests : IAsyncLifetime
{
    private readonly DataFolder _folder = new();
    private readonly int _s3Port = FreePort();
    private readonly int _etcdPort = FreePort();
    private Process? _etcd;

    private string S3Home => Path.Combine(_folder.Data, "s3");

    private string[] Arguments =>
    [
        "--storageType", "remote", "--metaType", "etcd", "--etcd.endpoints", $"127.0.0.1:{_etcdPort}",
        "--minio.address", $"http://127.0.0.1:{_s3Port}", "--minio.accessKeyId", "test-access", "--minio.secretAccessKey", "test-secret",
    ];

    public async Task InitializeAsync()
    {
        if (ZeroDiskFactAttribute.Missing() is not null)
        {
            return;
        }

        var (code, output) = await RadosgwAsync("start", S3Home, $"{_s3Port}", $"{Environment.ProcessId}");
        Assert.True(code == 0, output);
        var peer = FreePort();
        _etcd = Process.Start(new ProcessStartInfo("etcd",
        [
            "--data-dir", Path.Combine(_folder.Data, "etcd"), "--log-level", "error", "--initial-cluster", $"default=http://127.0.0.1:{peer}",
            "--listen-client-urls", $"http://127.0.0.1:{_etcdPort}", "--advertise-client-urls", $"http://127.0.0.1:{_etcdPort}",
            "--listen-peer-urls", $"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", $"http://127.0.0.1:{peer}",
        ]));
    }

    public async Task DisposeAsync()
    {
        if (_etcd is not null)
        {
            _etcd.Kill();
            await _etcd.WaitForExitAsync();
            _etcd.Dispose();
            await RadosgwAsync("stop", S3Home);
        }

        _folder.Dispose();
    }

    [ZeroDiskFact]
    public async Task After_a_kill_every_acked_row_is_found_once_and_no_file_was_written()
    {
        var nothing = Path.Combine(_folder.Data, "nothing");
        var ledger = new Ledger("zero");
        await using (var first = await ServerProcess.StartAsync(nothing, Arguments))
        {
            using var client = first.Connect();
            await ledger.CreateAsync(client);
            for (var batch = 0; batch < 10; batch++)
            {
                Assert.True(await ledger.InsertAsync(client, batch * Ledger.BatchRows));
            }

            await client.GetCollection("zero").FlushAsync();
            Assert.True(await ledger.InsertAsync(client, 10 * Ledger.BatchRows));
            await ledger.DeleteAsync(client, [.. Enumerable.Range(100, 300).Select(i => (long)i)]);

            var (code, output) = await Tools.RunAsync(TimeSpan.FromSeconds(60), "dotnet", [.. ServerProcess.Command(nothing, Arguments).Skip(1)]);
            Assert.NotEqual(0, code);
            Assert.Contains("the metadata belongs to", output, StringComparison.Ordinal);
            await first.KillAsync();
        }

        await using (var second = await ServerProcess.StartAsync(nothing, Arguments))
        {
            using var client = second.Connect();
            await ledger.AssertByQueryAsync(client);
            await ledger.AssertBySearchAsync(client, step: 50);
            Assert.True(await ledger.InsertAsync(client, 11 * Ledger.BatchRows), "the log takes writes again");
            await ledger.AssertByQueryAsync(client);
        }

        Assert.False(Directory.Exists(nothing), "no data folder");
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
                if (s_given.Add(port))
                {
                    return port;
                }
            }
            catch (SocketException)
            {
                continue;
            }
        }
    }

    private static readonly HashSet<int> s_given = [];
}

/// <summary>A test that needs an etcd and an S3 server.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ZeroDiskFactAttribute : FactAttribute
{
    public ZeroDiskFactAttribute() => Skip = Missing();

    public static string? Missing() => !Tools.IsOnPath("etcd") ? "etcd is not installed (./test.sh --install installs it)"
        : !Tools.IsOnPath("radosgw") ? "radosgw is not installed (./test.sh --install installs it)"
        : null;
}
