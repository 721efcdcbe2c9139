using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace MiniMilvus.Benchmarks.Peers;

/// <summary>A peer's server as a child process, ended by its own id, also when this process is told to end.</summary>
internal sealed class PeerProcess : IAsyncDisposable
{
    private const int LinesKept = 30;
    private static readonly TimeSpan s_startTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_endTime = TimeSpan.FromSeconds(10);
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly Process _process;
    private readonly string _stopSignal;

    private PeerProcess(Process process, string stopSignal)
    {
        (_process, _stopSignal) = (process, stopSignal);
        AppDomain.CurrentDomain.ProcessExit += Kill;
        process.OutputDataReceived += (_, e) => Keep(e.Data);
        process.ErrorDataReceived += (_, e) => Keep(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Where a program lies: in PATH, or in one of the folders that the package puts it in; null when it is not installed.</summary>
    public static string? Find(string program, params string[] folders) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Concat(folders).Where(f => f.Length > 0).Select(f => Path.Combine(f, program)).FirstOrDefault(File.Exists);

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Started, and answering <paramref name="isReady"/> without an error.</summary>
    public static async Task<PeerProcess> StartAsync(string folder, string stopSignal, IEnumerable<string> command, Func<Task> isReady)
    {
        var all = command.ToList();
        var start = new ProcessStartInfo(all[0], all.Skip(1)) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        var server = new PeerProcess(Process.Start(start)!, stopSignal);
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await isReady();
                return server;
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                if (server._process.HasExited || Stopwatch.GetElapsedTime(began) > s_startTime)
                {
                    await server.DisposeAsync();
                    throw new InvalidOperationException($"{all[0]} did not answer within {s_startTime.TotalSeconds:N0} s ({e.Message}); it said:\n{string.Join('\n', server._lines)}", e);
                }

                await Task.Delay(100);
            }
        }
    }

    /// <summary>Runs a tool to its end.</summary>
    /// <returns>What it printed.</returns>
    public static async Task<string> RunAsync(TimeSpan limit, params IEnumerable<string> command)
    {
        var all = command.ToList();
        using var process = Process.Start(new ProcessStartInfo(all[0], all.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var end = new CancellationTokenSource(limit);
        try
        {
            await process.WaitForExitAsync(end.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new TimeoutException($"{all[0]} did not end within {limit}");
        }

        return process.ExitCode == 0 ? await output : throw new InvalidOperationException($"{string.Join(' ', all)} ended with {process.ExitCode}: {await error}{await output}");
    }

    public async ValueTask DisposeAsync()
    {
        AppDomain.CurrentDomain.ProcessExit -= Kill;
        if (!_process.HasExited)
        {
            await RunAsync(s_endTime, "kill", $"-{_stopSignal}", $"{_process.Id}");
            await Task.WhenAny(_process.WaitForExitAsync(), Task.Delay(s_endTime));
        }

        Kill(null, EventArgs.Empty);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void Kill(object? sender, EventArgs e)
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }
    }

    private void Keep(string? line)
    {
        if (line is not null)
        {
            _lines.Enqueue(line);
            if (_lines.Count > LinesKept)
            {
                _lines.TryDequeue(out _);
            }
        }
    }
}
