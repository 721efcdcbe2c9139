using System.Diagnostics;
using Grpc.Core;
using MiniMilvus.Client;

namespace MiniMilvus.Recovery;

/// <summary>
/// For each log size: insert, kill in the middle of an insert, start again on the same folder, and take the time to the server's being ready,
/// to its first answer and to all rows' being visible. Then count every row.
/// </summary>
internal static class RecoveryExperiment
{
    private const int RowsPerInsert = 500;
    private const int InFlight = 4;
    private static readonly TimeSpan RecoveryTimeMax = TimeSpan.FromMinutes(5);

    public static async Task<int> RunAsync(IReadOnlyList<int> sizes, string output, CancellationToken ct)
    {
        var results = new List<RecoveryResult>();
        foreach (var rows in sizes)
        {
            var folder = Directory.CreateTempSubdirectory("minimilvus-recovery-");
            try
            {
                results.Add(await RunOneAsync(rows, folder.FullName, ct));
                Console.WriteLine($"{rows} rows: done");
            }
            finally
            {
                folder.Delete(recursive: true);
            }
        }
        RecoveryReport.Print(results);
        Console.WriteLine($"Written: {await RecoveryReport.WriteCsvAsync(results, output, ct)}");
        return results.All(r => r.Check.IsRight) ? 0 : 1;
    }

    private static async Task<RecoveryResult> RunOneAsync(int rows, string folder, CancellationToken ct)
    {
        var acked = new SortedSet<long>();
        await using (var server = await ServerProcess.StartAsync(folder, ct))
        {
            using var client = new MilvusClient(server.Endpoint);
            await RowTable.CreateAsync(client, ct);
            await InsertAndKillAsync(server, client.GetCollection(RowTable.Name), rows, acked, ct);
        }
        var bytes = new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length);

        var start = Stopwatch.GetTimestamp();
        await using var restarted = await ServerProcess.StartAsync(folder, ct);
        var ready = Stopwatch.GetElapsedTime(start);
        using var reader = new MilvusClient(restarted.Endpoint);
        var table = reader.GetCollection(RowTable.Name);
        await RetryAsync(async () => await RowTable.SearchAnyAsync(table, ct) > 0, start, ct);
        var firstAnswer = Stopwatch.GetElapsedTime(start);
        await RetryAsync(async () => await table.CountAsync(consistencyLevel: ConsistencyLevel.Strong, cancellationToken: ct) >= acked.Count, start, ct);
        var allVisible = Stopwatch.GetElapsedTime(start);
        return new RecoveryResult(acked.Count, bytes, ready, firstAnswer, allVisible, await RowTable.CheckAsync(table, acked, ct));
    }

    // Four inserts are always on their way, so the kill meets some that are written and not acked, and some that are neither.
    private static async Task InsertAndKillAsync(ServerProcess server, MilvusCollection table, int rows, SortedSet<long> acked, CancellationToken ct)
    {
        var running = new Queue<Task<long[]>>();
        long next = 1;
        var killed = false;
        while (running.Count > 0 || !killed)
        {
            while (!killed && running.Count < InFlight)
            {
                running.Enqueue(RowTable.InsertAsync(table, next, RowsPerInsert, ct));
                next += RowsPerInsert;
            }
            try
            {
                acked.UnionWith(await running.Dequeue());
            }
            catch (RpcException) when (killed)
            {
                // Not acknowledged: these rows may be found or not, but never twice.
            }
            if (!killed && acked.Count >= rows)
            {
                await server.KillAsync(ct);
                killed = true;
            }
        }
    }

    private static async Task RetryAsync(Func<Task<bool>> done, long start, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                if (await done())
                {
                    return;
                }
            }
            catch (Exception e) when (e is MilvusException or RpcException && Stopwatch.GetElapsedTime(start) < RecoveryTimeMax)
            {
                // Still recovering; ask again below.
            }
            if (Stopwatch.GetElapsedTime(start) > RecoveryTimeMax)
            {
                throw new TimeoutException($"Not recovered within {RecoveryTimeMax}.");
            }
            await Task.Delay(5, ct);
        }
    }
}
