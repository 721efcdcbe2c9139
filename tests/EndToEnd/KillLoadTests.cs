using System.Diagnostics;
using System.Text.RegularExpressions;
using Xunit.Abstractions;

namespace MiniMilvus.EndToEnd;

/// <summary>
/// kill -9 at random moments under load from the official Node SDK: every acked row is there exactly once, every deleted one is gone, and every
/// answer is one that the model in node/kills.mjs allows. MINIMILVUS_KILLS_SEED chooses other moments and another load.
/// </summary>
public sealed class KillLoadTests(ITestOutputHelper output)
{
    private const int Kills = 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [NodeFact]
    public async Task Twenty_kills_under_load_lose_no_acked_row_bring_no_deleted_one_back_and_falsify_no_answer()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("MINIMILVUS_KILLS_SEED"), out var given) ? given : 1;
        var random = new Random(seed);
        using var folder = new DataFolder();
        await using var load = new Load(seed);
        for (var life = 0; life < Kills; life++)
        {
            await using var server = await ServerProcess.StartAsync(folder.Data);
            var ready = load.BeginAsync($"life {server.GrpcAddress}");

            // Mostly in the middle of the load, now and then while what was there before is being recovered and read.
            if (life == 0 || random.Next(4) > 0)
            {
                await load.OrFailureAsync(ready, server);
                await Task.Delay(random.Next(50, 1500));
            }
            else
            {
                await Task.Delay(random.Next(500));
            }

            Assert.False(server.HasExited, $"life {life} ended by itself:\n{server.Log()}");
            await server.KillAsync();
        }

        await using var last = await ServerProcess.StartAsync(folder.Data);
        await load.OrFailureAsync(load.BeginAsync($"last {last.GrpcAddress}"), last);
        var done = await load.EndAsync();
        output.WriteLine(done);
        Assert.Empty(last.Complaints());
        foreach (var what in (string[])["insert", "upsert", "delete", "query", "search", "flush", "unknown"])
        {
            Assert.True(Count(done, what) > 0, $"the load had no {what}: {done}");
        }

        Assert.True(Count(done, "lives") > Kills / 2, $"too few lives came to their load: {done}");
    }

    private static int Count(string done, string what) => int.Parse(Regex.Match(done, $"\"{what}\":(\\d+)").Groups[1].Value);

    /// <summary>node/kills.mjs.</summary>
    private sealed class Load : IAsyncDisposable
    {
        private readonly Process _process;
        private readonly List<string> _lines = [];
        private readonly TaskCompletionSource<string> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource<string> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Load(int seed)
        {
            var start = new ProcessStartInfo("node", ["kills.mjs"])
            {
                WorkingDirectory = Path.Combine(Tools.Root, "tests/EndToEnd/node"), RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
            };
            start.Environment["MINIMILVUS_KILLS_SEED"] = $"{seed}";
            _process = Process.Start(start)!;
            _process.OutputDataReceived += (_, e) => Take(e.Data);
            _process.ErrorDataReceived += (_, e) => Note(e.Data);
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
        }

        /// <summary>Names a life; completes when it has answered for all lives before it.</summary>
        public async Task BeginAsync(string life)
        {
            var ready = _ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await _process.StandardInput.WriteLineAsync(life);
            await _process.StandardInput.FlushAsync();
            await ready.Task;
        }

        public async Task OrFailureAsync(Task ready, ServerProcess server)
        {
            var first = await Task.WhenAny(ready, _failed.Task, Task.Delay(Patience));
            Assert.True(first == ready, $"{(first == _failed.Task ? await _failed.Task : $"not ready within {Patience}")}\n-- load --\n{Said()}\n-- server --\n{server.Log()}");
        }

        public async Task<string> EndAsync()
        {
            var first = await Task.WhenAny(_done.Task, _failed.Task, Task.Delay(Patience));
            Assert.True(first == _done.Task, $"the load did not end well:\n{Said()}");
            return await _done.Task;
        }

        public async ValueTask DisposeAsync()
        {
            if (!_process.HasExited)
            {
                _process.Kill(entireProcessTree: true);
                await _process.WaitForExitAsync();
            }

            _process.Dispose();
        }

        private void Take(string? line)
        {
            Note(line);
            if (line is null)
            {
                if (!_done.Task.IsCompleted)
                {
                    _failed.TrySetResult("the load ended");
                }
            }
            else if (line.StartsWith("wrong:", StringComparison.Ordinal))
            {
                _failed.TrySetResult(line);
            }
            else if (line == "ready")
            {
                _ready.TrySetResult();
            }
            else if (line.StartsWith("done:", StringComparison.Ordinal))
            {
                _done.TrySetResult(line);
            }
        }

        private void Note(string? line)
        {
            lock (_lines)
            {
                _lines.Add(line ?? "");
            }
        }

        private string Said()
        {
            lock (_lines)
            {
                return string.Join('\n', _lines.TakeLast(40));
            }
        }
    }
}
