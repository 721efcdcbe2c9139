using System.Diagnostics;
using System.Globalization;

namespace MiniMilvus.EndToEnd;

/// <summary>An entry of a log: which writer's, its how manyth, where.</summary>
internal readonly record struct ProcessEntry(long Term, long Number, (long Segment, long Entry) Place);

/// <summary>A real process that writes a log or reads it (tests/LogProcess), and what it has said.</summary>
internal sealed class LogProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly Process _process;
    private readonly Lock _lock = new();
    private readonly List<string> _lines = [];
    private TaskCompletionSource _said = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _streamsLeft = 2;

    private LogProcess(Process process) => _process = process;

    public IReadOnlyList<ProcessEntry> Acked => Entries("acked");

    public IReadOnlyList<ProcessEntry> Read => Entries("read");

    public (long Segment, long Entry) Opened => Place(Lines().Single(l => l.StartsWith("opened ", StringComparison.Ordinal)).Split(' ')[1]);

    /// <summary>The kind of the error that ended it; null while it goes on.</summary>
    public string? Ended => Lines().FirstOrDefault(l => l.StartsWith("ended ", StringComparison.Ordinal))?.Split(' ')[1];

    private bool HasSaidAll => _streamsLeft == 0;

    public static LogProcess Start(string verb, long term, IEnumerable<string> place)
    {
        var configuration = AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";
        var program = Path.Combine(Tools.Root, "tests/LogProcess/bin", configuration, "net10.0/MiniMilvus.LogProcess.dll");
        var start = new ProcessStartInfo("dotnet", [program, verb, $"{term}", .. place]) { RedirectStandardOutput = true, RedirectStandardError = true };
        var started = new LogProcess(Process.Start(start)!);
        started._process.OutputDataReceived += (_, e) => started.Take(e.Data);
        started._process.ErrorDataReceived += (_, e) => started.Take(e.Data);
        started._process.BeginOutputReadLine();
        started._process.BeginErrorReadLine();
        return started;
    }

    public async Task UntilAckedAsync(int count)
    {
        await UntilAsync($"{count} acks", () => Acked.Count >= count || HasSaidAll);
        Assert.True(Acked.Count >= count, $"{Acked.Count} acks, expected {count}:\n{Text()}");
    }

    public Task UntilEndedAsync() => UntilAsync("the end", () => HasSaidAll);

    public Task StopAsync() => SignalAsync("-STOP");

    public Task GoOnAsync() => SignalAsync("-CONT");

    /// <summary>SIGKILL; what it had said until then is heard.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await UntilEndedAsync();
    }

    public string Text() => string.Join('\n', Lines().TakeLast(20));

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private async Task SignalAsync(string signal)
    {
        var (code, output) = await Tools.RunAsync(TimeSpan.FromSeconds(5), "kill", [signal, $"{_process.Id}"]);
        Assert.True(code == 0, output);
    }

    private async Task UntilAsync(string what, Func<bool> holds)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            Task said;
            lock (_lock)
            {
                said = _said.Task;
            }

            if (holds())
            {
                return;
            }

            try
            {
                await said.WaitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"no {what} within {Patience}:\n{Text()}");
            }
        }
    }

    private void Take(string? line)
    {
        TaskCompletionSource said;
        lock (_lock)
        {
            if (line is null)
            {
                _streamsLeft--;
            }
            else
            {
                _lines.Add(line);
            }

            (said, _said) = (_said, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        said.SetResult();
    }

    private List<string> Lines()
    {
        lock (_lock)
        {
            return [.. _lines];
        }
    }

    private List<ProcessEntry> Entries(string verb) =>
        [.. Lines().Select(l => l.Split(' ')).Where(w => w.Length == 4 && w[0] == verb).Select(w => new ProcessEntry(Number(w[1]), Number(w[2]), Place(w[3])))];

    private static (long Segment, long Entry) Place(string text) => (Number(text.Split('/')[0]), Number(text.Split('/')[1]));

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
