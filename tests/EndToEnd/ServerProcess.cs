using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;
using MiniMilvus.Client;

namespace MiniMilvus.EndToEnd;

/// <summary>One <c>minimilvus</c> process, from its ready line to its end.</summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(30);
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _log = new();

    private ServerProcess(Process process) => _process = process;

    public string GrpcAddress { get; private set; } = "";

    public string HttpAddress { get; private set; } = "";

    public IReadOnlyCollection<string> LogLines => _log;

    public bool HasExited => _process.HasExited;

    public static string Executable
    {
        get
        {
            var configuration = AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";
            return Path.Combine(Tools.Root, "src/Host/bin", configuration, "net10.0", "minimilvus.dll");
        }
    }

    /// <summary>The arguments that run the executable's verb, for whoever starts it under another program.</summary>
    public static string[] Command(string dataFolder, params string[] more)
        => ["dotnet", Executable, "run", "--data", dataFolder, "--grpc-port", "0", "--http-port", "0", .. more];

    public static Task<ServerProcess> StartAsync(string dataFolder, params string[] more) => StartAsync(Command(dataFolder, more));

    public static async Task<ServerProcess> StartAsync(IReadOnlyList<string> command)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetTempPath() };
        var server = new ServerProcess(Process.Start(start)!);
        var ready = new TaskCompletionSource<Match>(TaskCreationOptions.RunContinuationsAsynchronously);
        server._process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is null)
            {
                ready.TrySetException(new InvalidOperationException($"The server ended before it was ready:\n{server.Log()}"));
            }
            else if (ReadyLine().Match(e.Data) is { Success: true } match)
            {
                ready.TrySetResult(match);
            }
            else
            {
                server._log.Enqueue(e.Data);
            }
        };
        server._process.ErrorDataReceived += (_, e) =>
        {
            if (e.Data is not null)
            {
                server._log.Enqueue(e.Data);
            }
        };
        server._process.BeginErrorReadLine();
        server._process.BeginOutputReadLine();
        try
        {
            var match = await ready.Task.WaitAsync(StartTime);
            (server.GrpcAddress, server.HttpAddress) = (match.Groups[1].Value, match.Groups[2].Value);
            return server;
        }
        catch (TimeoutException)
        {
            var log = server.Log();
            await server.DisposeAsync();
            throw new TimeoutException($"The server was not ready within {StartTime}:\n{log}");
        }
    }

    public MilvusClient Connect() => new(new Uri($"http://{GrpcAddress}"));

    /// <summary>SIGKILL: no handler runs, nothing is flushed.</summary>
    public async Task KillAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGTERM; the exit code.</summary>
    public async Task<int> StopAsync()
    {
        await Tools.RunAsync(TimeSpan.FromSeconds(5), "kill", ["-TERM", _process.Id.ToString()]);
        try
        {
            await _process.WaitForExitAsync().WaitAsync(StopTime);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"The server did not stop within {StopTime} of SIGTERM:\n{Log()}");
        }

        return _process.ExitCode;
    }

    /// <summary>Waits until it has ended by itself; the exit code.</summary>
    public async Task<int> EndedAsync()
    {
        try
        {
            await _process.WaitForExitAsync().WaitAsync(StopTime);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"The server did not end by itself within {StopTime}:\n{Log()}");
        }

        return _process.ExitCode;
    }

    public string Log() => string.Join('\n', _log.TakeLast(200));

    /// <summary>Clients retry and hide; the server's log does not. Lines that match one of <paramref name="askedFor"/> are expected.</summary>
    public IEnumerable<string> Complaints(params string[] askedFor)
        => _log.Where(line => Complaint().IsMatch(line) && !askedFor.Any(a => Regex.IsMatch(line, a)));

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }

    [GeneratedRegex(@"^MiniMilvus is ready: gRPC ([^,\s]+), HTTP ([^,\s]+), data in (.+)$")]
    private static partial Regex ReadyLine();

    [GeneratedRegex(@"UNIMPLEMENTED|INTERNAL|\bretr(y|ies|ied|ying)\b|\(attempt \d|^\S* ?(fail|crit): |Unhandled exception", RegexOptions.IgnoreCase)]
    private static partial Regex Complaint();
}
