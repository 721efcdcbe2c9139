using Microsoft.Extensions.Logging;
using MiniMilvus.Client;
using MiniMilvus.Host;

namespace MiniMilvus.Freshness;

/// <summary>The experiment: each insert rate with each consistency level, one after the other, against one server.</summary>
internal static class FreshnessRun
{
    private const string CollectionName = "freshness_sample";

    private static readonly int[] RowsPerSecond = [0, 100, 1_000, 5_000];

    private static readonly ConsistencyLevel[] Levels =
        [ConsistencyLevel.Strong, ConsistencyLevel.BoundedStaleness, ConsistencyLevel.Session, ConsistencyLevel.Eventually];

    public static async Task<int> RunAsync(string? address, string output, int probes, CancellationToken ct)
    {
        DirectoryInfo? folder = null;
        MiniMilvusServer? server = null;
        try
        {
            if (address is null)
            {
                folder = Directory.CreateTempSubdirectory("minimilvus-freshness-");
                server = await MiniMilvusServer.StartAsync(
                    new HostOptions { DataFolder = folder.FullName, GrpcPort = 0, HttpPort = 0, LogToConsole = false, LogLevel = LogLevel.Warning }, ct);
            }
            var endpoint = new Uri($"http://{address ?? server!.GrpcAddress}");
            using var writer = new MilvusClient(endpoint);
            using var reader = new MilvusClient(endpoint);
            var rows = await MeasureAllAsync(writer, reader, probes, ct);
            FreshnessReport.Print(rows, $"{endpoint.Authority}, version {await writer.GetVersionAsync(ct)}");
            Console.WriteLine($"Written: {await FreshnessReport.WriteCsvAsync(rows, output, ct)}");
            return 0;
        }
        finally
        {
            if (server is not null)
            {
                await server.DisposeAsync();
            }
            folder?.Delete(recursive: true);
        }
    }

    private static async Task<IReadOnlyList<Measurement>> MeasureAllAsync(MilvusClient writer, MilvusClient reader, int probes, CancellationToken ct)
    {
        await PrepareAsync(writer, ct);
        var results = new List<Measurement>();
        var rows = new RowSource(seed: 1);
        foreach (var rate in RowsPerSecond)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
            var load = new BackgroundLoad(writer.GetCollection(CollectionName), rows, rate);
            var running = load.RunAsync(stop.Token);
            foreach (var level in Levels)
            {
                var probe = new Probe(writer.GetCollection(CollectionName), reader.GetCollection(CollectionName), rows);
                results.Add(await probe.MeasureAsync(level, rate, probes, ct));
            }
            await stop.CancelAsync();
            var written = await running;
            Console.WriteLine(rate == 0 ? "idle: done" : $"{rate} rows/s: done, {written.RowsPerSecond:F0} rows/s were reached");
        }
        await writer.DropCollectionAsync(CollectionName, ct);
        return results;
    }

    private static async Task PrepareAsync(MilvusClient client, CancellationToken ct)
    {
        if (await client.HasCollectionAsync(CollectionName, ct))
        {
            await client.DropCollectionAsync(CollectionName, ct);
        }
        var collection = await client.CreateCollectionAsync(
            CollectionName,
            [FieldSchema.Create<long>("id", isPrimaryKey: true), FieldSchema.CreateFloatVector("vector", RowSource.Dimension)],
            cancellationToken: ct);
        await collection.CreateIndexAsync("vector", IndexType.Hnsw, SimilarityMetricType.L2, cancellationToken: ct);
        await collection.LoadAsync(cancellationToken: ct);
        await collection.WaitForCollectionLoadAsync(timeout: TimeSpan.FromMinutes(1), cancellationToken: ct);
    }
}
