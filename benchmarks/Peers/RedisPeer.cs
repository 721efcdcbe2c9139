using System.Diagnostics;

namespace MiniMilvus.Benchmarks.Peers;

/// <summary>Redis streams with an append-only file that is flushed before each reply. One flush covers what all connections sent meanwhile, so there are many.</summary>
internal sealed class RedisPeer : IPeer
{
    private const int Connections = 32;
    private const int BatchBytes = 128 * 1024;
    private const int LinesOfAnId = 2;
    private readonly PeerProcess _process;
    private readonly int _port;
    private int _streams;

    private RedisPeer(PeerProcess process, int port, string name) => (_process, _port, Name) = (process, port, name);

    public string Name { get; }

    public string Driving => $"XADD, appendfsync always, {Connections} connections, {BatchBytes / 1024} KiB on its way on each";

    public long BytesFor(int recordBytes) => 128 << 20;

    /// <summary>Null when it is not installed.</summary>
    public static async Task<RedisPeer?> TryStartAsync(string folder)
    {
        if (PeerProcess.Find("redis-server") is not { } redis)
        {
            return null;
        }

        Directory.CreateDirectory(folder);
        var (port, info) = (PeerProcess.FreePort(), "");
        string[] arguments = ["--bind", "127.0.0.1", "--port", $"{port}", "--dir", folder, "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0", "--daemonize", "no"];
        var process = await PeerProcess.StartAsync(folder, "TERM", [redis, .. arguments], async () =>
        {
            using var connection = await RespConnection.OpenAsync(port);
            info = await connection.CallAsync(RespConnection.Encode("INFO"u8.ToArray(), "server"u8.ToArray()), 1, 5);
        });
        var version = info.Split("redis_version:") is [_, var rest] ? rest.Split('\r')[0] : "";
        return new RedisPeer(process, port, $"Redis {version}");
    }

    public async Task<double> ThroughputAsync(int recordBytes, long bytes)
    {
        var (stream, records) = (NextStream(), BatchBytes / recordBytes);
        var batch = RecordSet.Of(recordBytes, records).SelectMany(r => Append(stream, r)).ToArray();
        var batches = (int)(bytes / BatchBytes / Connections);
        var connections = await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => RespConnection.OpenAsync(_port)));
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(connections.Select(AppendAsync));
        var rate = (double)batches * Connections * BatchBytes / 1e6 / Stopwatch.GetElapsedTime(began).TotalSeconds;
        await connections[0].CallAsync(RespConnection.Encode("UNLINK"u8.ToArray(), stream), 1, 1);
        foreach (var connection in connections)
        {
            connection.Dispose();
        }

        return rate;

        async Task AppendAsync(RespConnection connection)
        {
            for (var i = 0; i < batches; i++)
            {
                await connection.CallAsync(batch, records, LinesOfAnId);
            }
        }
    }

    public async Task<List<double>> LoneAsync(int recordBytes, int count)
    {
        using var connection = await RespConnection.OpenAsync(_port);
        var append = Append(NextStream(), RecordSet.Of(recordBytes, 1)[0]);
        return await RecordSet.TimesAsync(count, () => connection.CallAsync(append, 1, LinesOfAnId));
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private byte[] NextStream() => System.Text.Encoding.ASCII.GetBytes($"log-{_streams++}");

    private static byte[] Append(byte[] stream, byte[] record) => RespConnection.Encode("XADD"u8.ToArray(), stream, "*"u8.ToArray(), "d"u8.ToArray(), record);
}
