using System.Diagnostics;
using System.Globalization;
using MiniMilvus.Storage.Etcd;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Benchmarks.Peers;

/// <summary>One etcd with its usual flushes, through this project's own client; a record is a key.</summary>
internal sealed class EtcdPeer : IPeer
{
    private const int Callers = 64;
    private readonly PeerProcess _process;
    private readonly EtcdMetaStore _store;
    private long _keys;

    private EtcdPeer(PeerProcess process, EtcdMetaStore store, string name) => (_process, _store, Name) = (process, store, name);

    public string Name { get; }

    public string Driving => $"{Callers} puts on their way";

    public long BytesFor(int recordBytes) => recordBytes < 64 * 1024 ? 16 << 20 : 64 << 20;

    /// <summary>Null when it is not installed.</summary>
    public static async Task<EtcdPeer?> TryStartAsync(string folder)
    {
        if (PeerProcess.Find("etcd") is not { } etcd)
        {
            return null;
        }

        Directory.CreateDirectory(folder);
        var (client, peer) = ($"http://127.0.0.1:{PeerProcess.FreePort()}", $"http://127.0.0.1:{PeerProcess.FreePort()}");
        string[] arguments =
        [
            "--name", "bench", "--data-dir", Path.Combine(folder, "data"), "--log-level", "error", "--quota-backend-bytes", "8000000000", "--initial-cluster", $"bench={peer}",
            "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
        ];
        EtcdMetaStore? store = null;
        var process = await PeerProcess.StartAsync(folder, "TERM", [etcd, .. arguments], async () =>
            store = await EtcdMetaStore.OpenAsync(new EtcdOptions { Endpoints = [client], RootPath = "bench" }, TimeProvider.System, CancellationToken.None));
        var version = (await PeerProcess.RunAsync(TimeSpan.FromSeconds(10), etcd, "--version")).Split('\n')[0].Replace("etcd Version: ", "", StringComparison.Ordinal);
        return new EtcdPeer(process, store!, $"etcd {version}");
    }

    public async Task<double> ThroughputAsync(int recordBytes, long bytes)
    {
        var perCaller = (int)(bytes / recordBytes / Callers);
        var record = RecordSet.Of(recordBytes, 1)[0];
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => PutAsync()));
        return (double)perCaller * Callers * recordBytes / 1e6 / Stopwatch.GetElapsedTime(began).TotalSeconds;

        async Task PutAsync()
        {
            for (var i = 0; i < perCaller; i++)
            {
                await PutOneAsync(record);
            }
        }
    }

    public Task<List<double>> LoneAsync(int recordBytes, int count)
    {
        var record = RecordSet.Of(recordBytes, 1)[0];
        return RecordSet.TimesAsync(count, () => PutOneAsync(record));
    }

    public ValueTask DisposeAsync()
    {
        _store.Dispose();
        return _process.DisposeAsync();
    }

    private async Task PutOneAsync(byte[] record)
    {
        var key = string.Create(CultureInfo.InvariantCulture, $"log/{Interlocked.Increment(ref _keys):D12}");
        await _store.TransactAsync([], [new MetaOperation.Put(key, record)], CancellationToken.None);
    }
}
