using System.Globalization;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Simulation.World;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Simulation.Golden;

/// <summary>
/// Carries a script out on a world of its own, step by step, and writes down what came of each: the answer, then what is new in the log. A world is
/// shuffled by its seed; a script gives the same transcript whatever the seed, for what it says is what must hold and not what happens to.
/// </summary>
internal sealed class GoldenRun
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly SimWorld _world;
    private readonly GoldenHolds _holds = new();
    private readonly GoldenNames _names = new();
    private readonly GoldenLog _log;
    private readonly GoldenClient _client;
    private readonly Dictionary<string, Task<Func<string>>> _begun = new(StringComparer.Ordinal);

    private GoldenRun(int seed, int shards)
    {
        var options = GoldenOptions.For(shards);
        _world = new SimWorld(seed, options with { Seams = _holds });
        _log = new GoldenLog(_world, _names, options.PChannels);
        _client = new GoldenClient(_world, _names, shards);
    }

    public static IReadOnlyList<string> Run(IReadOnlyList<string> script, int seed)
    {
        var run = new GoldenRun(seed, script.Contains("> create 2 shards") ? 2 : 1);
        var transcript = new List<string>();
        try
        {
            run._world.Run(() => run.StoryAsync(script, transcript));
        }
        catch (Exception e)
        {
            run._world.Violations.Add("the script ends", $"at '{transcript.LastOrDefault()}': {e}");
        }

        transcript.AddRange(run._world.Violations.Found.Select(GoldenScript.Outcome));
        return transcript;
    }

    private async Task StoryAsync(IReadOnlyList<string> script, List<string> transcript)
    {
        foreach (var line in script.Where(l => !GoldenScript.IsOutcome(l)))
        {
            transcript.Add(line);
            if (GoldenScript.StepOf(line) is { } step)
            {
                transcript.AddRange((await StepAsync(step)).Select(GoldenScript.Outcome));
            }
        }
    }

    private async Task<IReadOnlyList<string>> StepAsync(string step)
    {
        var (words, life) = (step.Split(' ', StringSplitOptions.RemoveEmptyEntries), _world.Generation);
        var rest = string.Join(' ', words.Skip(1));
        var said = new List<Func<string>>();
        IReadOnlyList<string> seen = [];
        switch (words[0])
        {
            case "create":
                await _client.CreateAsync();
                break;
            case "begin" or "open":
                said.Add(await BeginAsync(words[1].TrimEnd(':'), [.. words.Skip(2)], isHeld: words[0] == "open"));
                break;
            case "end" or "close":
                _holds.ReleaseSearch();
                said.Add(await _begun[words[1]]);
                break;
            case "hold" when words[1] == "disk":
                await SettledAsync();
                AtFlush(int.Parse(words[3], CultureInfo.InvariantCulture), () => new DiskFault.Held(_holds["disk"].PassAsync()));
                _holds["disk"].Close();
                break;
            case "hold":
                await SettledAsync();
                _holds[rest].Close();
                break;
            case "go":
                _holds[rest].Open();
                await SettledAsync();
                break;
            case "kill":
                AtFlush(int.Parse(words[2], CultureInfo.InvariantCulture), Kill);
                break;
            case "crash":
                _world.Kill();
                break;
            case "wait":
                await _world.DelayAsync(TimeSpan.FromSeconds(int.Parse(words[1], CultureInfo.InvariantCulture)));
                break;
            case "flushed":
                await UntilAsync(step, _client.IsFlushedAsync);
                seen = [.. await (await ViewAsync()).SegmentsAsync(), .. await (await ViewAsync()).DurableAsync()];
                break;
            case "handoff":
                await UntilAsync(step, IsHandedOffAsync);
                seen = await (await ViewAsync()).HeldAsync();
                break;
            case "compacted":
                await UntilAsync(step, _client.IsCompactedAsync);
                seen = await (await ViewAsync()).SegmentsAsync();
                break;
            case "show":
                seen = await (await ViewAsync()).AllAsync();
                break;
            default:
                said.Add(await DoAsync(words));
                break;
        }

        if ((await AliveAsync()).Generation > life)
        {
            await UntilAsync("a new owner of each log", _log.IsAtRestAsync);
        }

        // The log first: the answers name its ticks.
        var log = await _log.NewAsync(await _world.ClusterAsync());
        return [.. said.Select(s => s()), .. log, .. seen];
    }

    /// <summary>What was on its way has arrived.</summary>
    private Task SettledAsync() => _world.DelayAsync(TimeSpan.FromSeconds(1));

    private Task<Func<string>> DoAsync(string[] words) => words[0] switch
    {
        "insert" or "upsert" or "delete" => _client.WriteAsync(words[0], [.. words.Skip(1).Select(GoldenNames.Row)]),
        "search" => _client.SearchAsync(words[1]),
        "flush" => _client.FlushAsync(),
        "compact" => _client.CompactAsync(),
        _ => throw new FormatException($"no such step: '{string.Join(' ', words)}'"),
    };

    /// <summary>A step that goes on beside the next ones: what it says comes with its end. A search that is opened is held behind its snapshot.</summary>
    private async Task<Func<string>> BeginAsync(string name, string[] words, bool isHeld)
    {
        var held = isHeld ? _holds.HoldNextSearch() : SettledAsync();
        var running = _begun[name] = DoAsync(words);
        await Task.WhenAny(held, running);
        return running.IsCompleted ? await running : isHeld ? () => $"{name} has its snapshot" : () => $"{name} waits";
    }

    /// <summary>Something happens at a flush of the log, once, after so many have passed: each entry has one of its own.</summary>
    private void AtFlush(int after, Func<DiskFault> what)
    {
        var left = after;
        _world.AtStation = station =>
        {
            if (station != "log block fsync" || left-- > 0)
            {
                return null;
            }

            _world.AtStation = null;
            return what();
        };
    }

    private DiskFault Kill()
    {
        _world.Kill();
        return new DiskFault.Slow(TimeSpan.FromMilliseconds(1)); // nobody hears of it any more
    }

    /// <summary>The present life, or the next one when this one has just been killed.</summary>
    private async Task<SimCluster> AliveAsync()
    {
        await _world.DelayAsync(TimeSpan.FromMilliseconds(1));
        return await _world.ClusterAsync();
    }

    private async Task<bool> IsHandedOffAsync()
    {
        var view = await ViewAsync();
        var (catalog, collection) = await view.CatalogAsync();
        var loaded = await view.LoadedAsync(collection.Id);
        var flushed = catalog.SegmentsOf(collection.Id).Values.Where(s => s.State == SegmentState.Flushed).Select(s => s.Id).ToHashSet();
        return flushed.SetEquals(loaded.Where(s => !s.IsGrowing).Select(s => s.Id)) && loaded.All(s => !s.IsGrowing || !flushed.Contains(s.Id));
    }

    private async Task<GoldenView> ViewAsync() => new(await _world.ClusterAsync(), _names);

    private async Task UntilAsync(string what, Func<Task<bool>> holds)
    {
        for (var waited = TimeSpan.Zero; !await holds(); waited += TimeSpan.FromMilliseconds(50))
        {
            if (waited > Patience)
            {
                throw new TimeoutException($"{what}: not within {Patience} of simulated time");
            }

            await _world.DelayAsync(TimeSpan.FromMilliseconds(50));
        }
    }
}
