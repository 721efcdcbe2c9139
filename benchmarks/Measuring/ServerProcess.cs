using System.Diagnostics;
using System.Globalization;

namespace MiniMilvus.Benchmarks.Measuring;

/// <summary>The real server as a child process on a folder of its own, ended by its own id.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private bool _keepsFolder;

    private ServerProcess(Process process, string folder, string grpc, string http) => (_process, Folder, Grpc, Http) = (process, folder, grpc, http);

    public string Folder { get; }

    public string Grpc { get; }

    public string Http { get; }

    public int Id => _process.Id;

    public static Task<ServerProcess> StartAsync(string folder, params string[] arguments) => StartAsync(folder, settled: false, arguments);

    /// <param name="settled">Compiles everything at once, so that no compiler thread of the runtime starts later.</param>
    public static async Task<ServerProcess> StartAsync(string folder, bool settled, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "minimilvus.dll"), "run", "--data", folder, "--grpc-port", "0", "--http-port", "0", "--log-level", "Warning", .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        if (settled)
        {
            start.Environment["DOTNET_TieredCompilation"] = "0";
        }

        var process = Process.Start(start)!;
        var log = process.StandardError.ReadToEndAsync();
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("MiniMilvus is ready: gRPC ", StringComparison.Ordinal))
            {
                var parts = line["MiniMilvus is ready: gRPC ".Length..].Split(", HTTP ");
                return new ServerProcess(process, folder, parts[0], parts[1].Split(", data in ")[0]);
            }
        }

        throw new InvalidOperationException($"the server did not start: {await log}");
    }

    public TimeSpan CpuTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    public long WorkingSet
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>
    /// What the process has caused so far (Linux: /proc/PID/io). Storage bytes are those of pages written or read at the storage layer; calls are
    /// reads and writes of anything, also pipes, sockets and the names that the runtime gives its threads under /proc.
    /// </summary>
    public (long StorageBytesWritten, long StorageBytesRead, long WriteCalls, long ReadCalls) Io()
    {
        var lines = File.ReadAllLines($"/proc/{_process.Id}/io").Select(l => l.Split(": ")).ToDictionary(p => p[0], p => long.Parse(p[1], CultureInfo.InvariantCulture));
        return (lines["write_bytes"], lines["read_bytes"], lines["syscw"], lines["syscr"]);
    }

    public async Task<double> MetricAsync(string name)
    {
        using var http = new HttpClient();
        var text = await http.GetStringAsync(new Uri($"http://{Http}/metrics"));
        return text.Split('\n').Where(l => l.StartsWith(name + " ", StringComparison.Ordinal) || l.StartsWith(name + "{", StringComparison.Ordinal))
            .Sum(l => double.Parse(l[(l.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
    }

    /// <summary>SIGKILL; the folder stays for the next process.</summary>
    public async Task KillAsync()
    {
        _keepsFolder = true;
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
        if (!_keepsFolder)
        {
            Directory.Delete(Folder, recursive: true);
        }
    }
}
