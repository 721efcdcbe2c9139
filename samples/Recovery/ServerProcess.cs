using System.Diagnostics;

namespace MiniMilvus.Recovery;

/// <summary>A server as a child process of its own, so that killing it takes nothing else along. It is known by its process id alone.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private const string ReadyMark = "ready: gRPC ";
    private static readonly TimeSpan ReadyTimeMax = TimeSpan.FromMinutes(3);

    private readonly Process _process;

    private ServerProcess(Process process, string address) => (_process, Address) = (process, address);

    public string Address { get; }

    public Uri Endpoint => new($"http://{Address}");

    /// <summary>Starts the server on a folder and returns when it says that it is ready.</summary>
    public static async Task<ServerProcess> StartAsync(string dataFolder, CancellationToken ct)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "minimilvus.dll");
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in new[] { program, "run", "--data", dataFolder, "--grpc-port", "0", "--http-port", "0", "--log-level", "Warning" })
        {
            start.ArgumentList.Add(argument);
        }
        var process = Process.Start(start) ?? throw new InvalidOperationException("The server process did not start.");
        var ready = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var complaints = new Queue<string>();
        process.OutputDataReceived += (_, e) =>
        {
            if (e.Data?.IndexOf(ReadyMark, StringComparison.Ordinal) is >= 0 and var at)
            {
                ready.TrySetResult(e.Data[(at + ReadyMark.Length)..].Split(',')[0].Trim());
            }
        };
        process.ErrorDataReceived += (_, e) =>
        {
            lock (complaints)
            {
                complaints.Enqueue(e.Data ?? "");
                while (complaints.Count > 20)
                {
                    complaints.Dequeue();
                }
            }
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(ReadyTimeMax);
        var exited = process.WaitForExitAsync(limit.Token);
        await Task.WhenAny(ready.Task, exited);
        if (!ready.Task.IsCompleted)
        {
            process.Kill();
            process.Dispose();
            ct.ThrowIfCancellationRequested();
            lock (complaints)
            {
                throw new InvalidOperationException($"The server did not become ready:\n{string.Join('\n', complaints)}");
            }
        }
        return new ServerProcess(process, await ready.Task);
    }

    /// <summary>SIGKILL: no handler runs, nothing is flushed, memory is gone.</summary>
    public async Task KillAsync(CancellationToken ct)
    {
        _process.Kill();
        await _process.WaitForExitAsync(ct);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
    }
}
