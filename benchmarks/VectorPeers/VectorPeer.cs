using System.Globalization;
using System.Text.Json;
using MiniMilvus.Benchmarks.IndexAlone;
using MiniMilvus.Benchmarks.Peers;

namespace MiniMilvus.Benchmarks.VectorPeers;

/// <param name="Effort">What the peer calls ef; 0 where it scans.</param>
internal sealed record SearchPoint(int Effort, double Recall, double PerSecond);

/// <summary>One round of one vector database over the same rows. Times in seconds.</summary>
/// <param name="Noop">What handing the rows over costs where nothing is done with them.</param>
internal sealed record VectorRound(string Name, string Version, long Rows, double Noop, double Insert, double Index, IReadOnlyList<SearchPoint> Points)
{
    /// <summary>Rows a second until all are durable, as the database promises it, and indexed; without the price of the door.</summary>
    public double RowsPerSecond => Rows / Math.Max(1e-9, Insert - Noop + Index);

    /// <summary>Searches a second at the least effort that reaches a recall; null when none does.</summary>
    public double? SearchesAt(double recall) => Points.Where(p => p.Recall >= recall).OrderBy(p => p.Effort).FirstOrDefault()?.PerSecond;
}

/// <summary>An embedded vector database from npm, in a Node process of its own for each round.</summary>
internal sealed class VectorPeer(string name, string folder)
{
    private static readonly TimeSpan s_roundMax = TimeSpan.FromMinutes(20);
    private static readonly TimeSpan s_installMax = TimeSpan.FromMinutes(15);
    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    public string Name => name;

    /// <summary>Those that install here.</summary>
    /// <returns>The peers; none, with the reason, where Node or npm is missing or the packages do not install.</returns>
    public static async Task<(IReadOnlyList<VectorPeer> Peers, string? Problem)> InstallAsync(string folder)
    {
        if (PeerProcess.Find("node") is null || PeerProcess.Find("npm") is not { } npm)
        {
            return ([], "node and npm are not installed");
        }

        Directory.CreateDirectory(folder);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "VectorPeers", "npm")))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        }

        var (wanted, installed) = (Path.Combine(folder, "package.json"), Path.Combine(folder, "installed.json"));
        try
        {
            if (!File.Exists(installed) || await File.ReadAllTextAsync(installed) != await File.ReadAllTextAsync(wanted))
            {
                await PeerProcess.RunAsync(s_installMax, npm, "install", "--prefix", folder, "--no-package-lock", "--no-audit", "--no-fund");
                File.Copy(wanted, installed, overwrite: true);
            }
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException)
        {
            return ([], e.Message);
        }

        return ([.. new[] { "lancedb", "zvec", "sqlite-vec" }.Select(p => new VectorPeer(p, folder))], null);
    }

    public async Task<VectorRound> RunAsync(IndexData data, int batch)
    {
        var place = Directory.CreateTempSubdirectory($"minimilvus-bench-{name}-").FullName;
        try
        {
            var said = await PeerProcess.RunAsync(s_roundMax, PeerProcess.Find("node")!, Path.Combine(folder, "peer.mjs"), name, place,
                data.RowsPath, data.QueriesPath, data.TruthPath, data.Rows.ToString(CultureInfo.InvariantCulture), batch.ToString(CultureInfo.InvariantCulture));
            return JsonSerializer.Deserialize<VectorRound>(said, s_json) ?? throw new InvalidOperationException($"{name} said nothing");
        }
        finally
        {
            Directory.Delete(place, recursive: true);
        }
    }
}
