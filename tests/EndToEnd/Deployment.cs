using MiniMilvus.Client;

namespace MiniMilvus.EndToEnd;

/// <summary>The same roles, all in one process or each in its own, on one data folder.</summary>
public enum Topology
{
    OneProcess,
    FiveProcesses,
}

internal sealed class Deployment : IAsyncDisposable
{
    private static readonly string[] Workers = ["streamingnode", "querynode", "datanode", "proxy"];
    private readonly List<ServerProcess> _processes = [];

    /// <summary>The process that serves the Milvus API.</summary>
    public ServerProcess Proxy => _processes[^1];

    public string Address => Proxy.GrpcAddress;

    public static async Task<Deployment> StartAsync(Topology topology, string dataFolder, params string[] more)
    {
        var deployment = new Deployment();
        try
        {
            if (topology == Topology.OneProcess)
            {
                deployment._processes.Add(await ServerProcess.StartAsync(dataFolder, more));
                return deployment;
            }

            var coordinator = await ServerProcess.StartAsync(dataFolder, ["--roles", "coordinator", .. more]);
            deployment._processes.Add(coordinator);
            foreach (var role in Workers)
            {
                deployment._processes.Add(await ServerProcess.StartAsync(dataFolder, ["--roles", role, "--coordinator", coordinator.GrpcAddress, .. more]));
            }

            return deployment;
        }
        catch
        {
            await deployment.DisposeAsync();
            throw;
        }
    }

    public MilvusClient Connect() => Proxy.Connect();

    public async Task KillAsync()
    {
        // In no particular order of roles: all at once, as when the machine goes.
        await Task.WhenAll(_processes.Select(p => p.KillAsync()));
    }

    /// <summary>From the proxy to the coordinator, as an operator would; each exits with 0.</summary>
    public async Task StopAsync()
    {
        foreach (var process in Enumerable.Reverse(_processes))
        {
            var code = await process.StopAsync();
            Assert.True(code == 0, $"exit code {code} after SIGTERM:\n{process.Log()}");
        }
    }

    public void AssertQuiet(params string[] askedFor)
    {
        foreach (var process in _processes)
        {
            Assert.False(process.HasExited, $"a process ended by itself:\n{process.Log()}");
        }

        var complaints = _processes.SelectMany(p => p.Complaints(askedFor)).ToList();
        Assert.True(complaints.Count == 0, $"The server's log has what nobody asked for:\n{string.Join('\n', complaints.Take(20))}");
    }

    public string Log() => string.Join("\n--\n", _processes.Select(p => p.Log()));

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Enumerable.Reverse(_processes))
        {
            await process.DisposeAsync();
        }
    }
}
