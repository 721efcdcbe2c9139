using System.Globalization;
using MiniMilvus.Simulation.Scheduling;

namespace MiniMilvus.Simulation.Exploration;

/// <summary>
/// Every order in which the two writers' calls can happen, and at every state on the way every crash and, as often as it is told, every lost
/// reply and failed call. A run is a list of choices; a state that was seen before is not gone on from, for equal stores and equal answers
/// have equal futures.
/// </summary>
internal sealed class Explorer(Place place, Plot plot, int faultsMax)
{
    private const int QuietLooksMax = 20;
    private readonly HashSet<(ulong State, int Faults)> _seen = [];
    private readonly HashSet<ulong> _crashed = [];
    private readonly Stack<int[]> _paths = new([[]]);
    private readonly SortedDictionary<string, long> _counts = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, long> Counts => _counts;

    public List<string> Wrong { get; } = [];

    public long Runs { get; private set; }

    public int States => _seen.Count;

    /// <summary>What has to happen somewhere in this plot, and did not: then the exploration has proved nothing about it.</summary>
    public IReadOnlyList<string> Missing => [.. Required.Where(what => !_counts.ContainsKey(what))];

    private IEnumerable<string> Required =>
    [
        "a state that was seen before", "the older one ended Fenced", "crash: Kill", "before a crash the newer one was acked 0 times", "before a crash the newer one was acked 1 times",
        .. plot == Plot.Race
            ? ["the newer one was acked 2 times", "the older one was acked 0 times", "the older one was acked 1 times"]
            : (string[])["the newer one was acked 1 times", "the older one was acked 1 times", "the older one was acked 2 times", "before a crash the newer one inherited 1 entries"],
        .. place == Place.LockedObjects ? [] : (string[])["the newer one kept what was not acked yet"],
        .. place == Place.Local ? (string[])["crash: CutKeepsNothing", "crash: CutKeepsSome"] : [],
        .. faultsMax == 0 ? [] : (string[])["fault: ReplyLost at change", "fault: Fails at change", "fault: Fails at look", "fault: Fails at list"],
        .. faultsMax == 0 || place == Place.Local ? [] : (string[])["fault: ReplyLost at put", "fault: Fails at put", "fault: Fails at get"],
    ];

    /// <summary>True when everything was seen and nothing is wrong.</summary>
    public bool Explore(ThreadPoolGate gate, long runsMax)
    {
        while (Wrong.Count == 0 && _paths.TryPop(out var path))
        {
            if (++Runs > runsMax)
            {
                Wrong.Add($"more than {runsMax} runs, {_paths.Count} paths left");
                break;
            }

            var trace = new List<string>();
            var world = new SmallLog(place, plot);
            try
            {
                world.Run(gate, () => WalkAsync(world, path, trace));
            }
            catch (SimulationHangException e)
            {
                world.Wrong.Add(e.Message);
            }

            if (world.Wrong.Count > 0)
            {
                Wrong.Add($"{string.Join('\n', world.Wrong)}\nafter {string.Join("\n      ", trace)}\npath {string.Join(' ', path)}");
            }
        }

        return Wrong.Count == 0;
    }

    private async Task WalkAsync(SmallLog world, int[] path, List<string> trace)
    {
        await world.BeginAsync();
        var (taken, faults, quiet) = (new List<int>(path.Length + 64), 0, 0);
        while (true)
        {
            await world.QuietAsync();
            var choices = ChoicesOf(world, faults);
            if (choices.All(c => c.Crash is not null))
            {
                if (world.IsOver)
                {
                    Count(world.Happened);
                    await world.EndAsync(null, faults);
                    return;
                }

                if (++quiet > QuietLooksMax)
                {
                    world.Wrong.Add($"[W13 nothing hangs] no call waits for its turn, and a writer has not ended");
                    return;
                }

                continue;
            }

            quiet = 0;
            if (taken.Count >= path.Length && !Enter(world, faults, choices, taken))
            {
                Count(["a state that was seen before"]);
                return;
            }

            var choice = choices[taken.Count < path.Length ? path[taken.Count] : 0];
            taken.Add(choices.IndexOf(choice));
            trace.Add(choice.ToString());
            if (choice.Crash is { } crash)
            {
                Count([$"crash: {crash}"]);
                Count(world.Happened.Select(h => $"before a crash {h}"));
                await world.EndAsync(crash, faults);
                return;
            }

            if (choice.Turn != Turn.Happens)
            {
                faults++;
                Count([$"fault: {choice.Turn} at {Kind(choice.Waiting!.What)}"]);
            }

            world.Gate.GoOn(choice.Waiting!, choice.Turn);
        }
    }

    private bool Enter(SmallLog world, int faults, List<Choice> choices, List<int> taken)
    {
        if (!_seen.Add((world.State, faults)))
        {
            return false;
        }

        var crashes = _crashed.Add(world.StateIfCrashed);
        for (var other = 1; other < choices.Count; other++)
        {
            if (crashes || choices[other].Crash is null)
            {
                _paths.Push([.. taken, other]);
            }
        }

        return true;
    }

    private List<Choice> ChoicesOf(SmallLog world, int faults)
    {
        var choices = world.Gate.Pending.Select(w => new Choice(w, Turn.Happens, null)).ToList();
        if (faults < faultsMax)
        {
            choices.AddRange(world.Gate.Pending.Where(w => w.CanBreak && w.Changes).Select(w => new Choice(w, Turn.ReplyLost, null)));
            choices.AddRange(world.Gate.Pending.Where(w => w.CanBreak).Select(w => new Choice(w, Turn.Fails, null)));
        }

        choices.AddRange((place == Place.Local ? Enum.GetValues<Crash>() : [Crash.Kill]).Select(c => new Choice(null, Turn.Happens, c)));
        return choices;
    }

    private void Count(IEnumerable<string> happened)
    {
        foreach (var what in happened)
        {
            _counts[what] = _counts.GetValueOrDefault(what) + 1;
        }
    }

    private static string Kind(string what) => what[..what.IndexOf(' ', StringComparison.Ordinal)];

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{place}, {plot}, {faultsMax} faults: {States} states, {Runs} runs\n{string.Join('\n', _counts.Select(c => $"{c.Value,8}  {c.Key}"))}");

    private sealed record Choice(StepGate.Waiting? Waiting, Turn Turn, Crash? Crash)
    {
        public override string ToString() => Crash is { } crash ? $"{crash}" : $"{Waiting!.Actor.Process.Name}: {Waiting.What}{(Turn == Turn.Happens ? "" : $" ({Turn})")}";
    }
}
