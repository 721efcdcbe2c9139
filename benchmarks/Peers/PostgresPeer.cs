using System.Diagnostics;
using Npgsql;
using NpgsqlTypes;

namespace MiniMilvus.Benchmarks.Peers;

/// <summary>
/// PostgreSQL with a table of byte strings, fsync and synchronous_commit on; a commit acks a batch of rows in one statement. Its values are
/// stored uncompressed, and checkpoints are kept out of the measured time.
/// </summary>
internal sealed class PostgresPeer : IPeer
{
    private const int Connections = 4;
    private const int BatchBytes = 1024 * 1024;
    private readonly PeerProcess _process;
    private readonly NpgsqlDataSource _source;

    private PostgresPeer(PeerProcess process, NpgsqlDataSource source, string name) => (_process, _source, Name) = (process, source, name);

    public string Name { get; }

    public string Driving => $"{Connections} connections, {BatchBytes / 1024} KiB a commit";

    public long BytesFor(int recordBytes) => 128 << 20;

    /// <summary>Null when it is not installed.</summary>
    public static async Task<PostgresPeer?> TryStartAsync(string folder)
    {
        var debian = Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql").OrderDescending().Select(d => Path.Combine(d, "bin")).ToArray() : [];
        if (PeerProcess.Find("postgres", debian) is not { } postgres || PeerProcess.Find("initdb", debian) is not { } initdb)
        {
            return null;
        }

        // It refuses to run as root: Debian's package has made a user for it.
        string[] asUser = Environment.UserName == "root" ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];
        Directory.CreateDirectory(folder);
        if (asUser.Length > 0)
        {
            await PeerProcess.RunAsync(TimeSpan.FromSeconds(10), "chown", "postgres", folder);
        }

        var (data, port) = (Path.Combine(folder, "data"), PeerProcess.FreePort());
        await PeerProcess.RunAsync(TimeSpan.FromMinutes(1), [.. asUser, initdb, "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        var source = NpgsqlDataSource.Create($"Host=127.0.0.1;Port={port};Username=bench;Database=postgres;Maximum Pool Size={Connections};SSL Mode=Disable");
        string[] settings = ["fsync=on", "synchronous_commit=on", "listen_addresses=127.0.0.1", $"port={port}", "unix_socket_directories=", "max_wal_size=8GB", "checkpoint_timeout=1h", "wal_buffers=64MB", "shared_buffers=512MB"];
        var process = await PeerProcess.StartAsync(folder, "INT", [.. asUser, postgres, "-D", data, .. settings.SelectMany(s => new[] { "-c", s })], async () =>
        {
            await using var ping = source.CreateCommand("SELECT 1");
            await ping.ExecuteScalarAsync();
        });
        await using var create = source.CreateCommand("CREATE TABLE entries (id bigserial PRIMARY KEY, bytes bytea NOT NULL); ALTER TABLE entries ALTER COLUMN bytes SET STORAGE EXTERNAL");
        await create.ExecuteNonQueryAsync();
        await using var version = source.CreateCommand("SHOW server_version");
        return new PostgresPeer(process, source, $"PostgreSQL {((string)(await version.ExecuteScalarAsync())!).Split(' ')[0]}");
    }

    public async Task<double> ThroughputAsync(int recordBytes, long bytes)
    {
        var batches = (int)(bytes / BatchBytes / Connections);
        var rows = RecordSet.Of(recordBytes, BatchBytes / recordBytes);
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => InsertAsync()));
        return (double)batches * Connections * BatchBytes / 1e6 / Stopwatch.GetElapsedTime(began).TotalSeconds;

        async Task InsertAsync()
        {
            await using var connection = await _source.OpenConnectionAsync();
            await using var insert = await PrepareAsync(connection, rows);
            for (var i = 0; i < batches; i++)
            {
                await insert.ExecuteNonQueryAsync();
            }
        }
    }

    public async Task<List<double>> LoneAsync(int recordBytes, int count)
    {
        await using var connection = await _source.OpenConnectionAsync();
        await using var insert = await PrepareAsync(connection, RecordSet.Of(recordBytes, 1));
        return await RecordSet.TimesAsync(count, () => insert.ExecuteNonQueryAsync());
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await _process.DisposeAsync();
    }

    private static async Task<NpgsqlCommand> PrepareAsync(NpgsqlConnection connection, byte[][] rows)
    {
        var insert = new NpgsqlCommand("INSERT INTO entries (bytes) SELECT unnest($1)", connection);
        insert.Parameters.Add(new NpgsqlParameter { Value = rows, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });
        await insert.PrepareAsync();
        return insert;
    }
}
