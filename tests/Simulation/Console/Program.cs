using System.Diagnostics;
using System.Globalization;
using MiniMilvus.Simulation.Exploration;
using MiniMilvus.Simulation.Faults;
using MiniMilvus.Simulation.Golden;
using MiniMilvus.Simulation.Scheduling;
using MiniMilvus.Simulation.Walks;
using MiniMilvus.Simulation.Workload;
using MiniMilvus.Simulation.World;
using Out = System.Console;

namespace MiniMilvus.Simulation.Console;

/// <summary>
/// Runs worlds in a process of their own: the simulation holds the thread pool still, which a test host does not survive; and two processes that
/// agree on a trace prove more than one. Prints what happened; exit code 1 when something is wrong.
/// </summary>
internal static class Program
{
    // One in about ten shows it: what a cut leaves is chance, and the story changes with every wait in it.
    private const int PowerCuts = 60;

    private static readonly SeedSize Longer = new() { Operations = 300, WithFaults = false };

    private static bool _failed;
    private static long _compactions;
    private static int _worlds;

    public static int Main(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        switch (args)
        {
            case ["seeds", .. var seeds]:
                foreach (var seed in seeds)
                {
                    _worlds++;
                    Report(SeedRun.Run(Number(seed)), $"seed-{seed}");
                }

                break;
            case ["fresh", var first, var seconds]:
                Fresh(Number(first), Number(seconds));
                break;
            case ["range", var first, var count]:
                for (var seed = Number(first); seed < Number(first) + Number(count); seed++)
                {
                    _worlds++;
                    Report(SeedRun.Run(seed), $"seed-{seed}");
                }

                break;
            case ["calm", var seed]:
                Report(SeedRun.Run(Number(seed), new SeedSize { WithFaults = false, WithCrashes = false }), $"calm-{seed}");
                break;
            case ["trace", var seed, var file]:
                using (var trace = new StreamWriter(file))
                {
                    Report(SeedRun.Run(Number(seed), arrange: w => w.Scheduler.Recorder = trace.WriteLine), $"seed-{seed}");
                }

                break;
            case ["steps", var kind, var first, var stride]:
                EveryStep(kind, Number(first), Number(stride));
                break;
            case ["stations"]:
                EveryStation();
                break;
            case ["mutant"]:
                Mutant();
                break;
            case ["explore", var place, var plot, var faults, var runs]:
                Explore(Enum.Parse<Place>(place), Enum.Parse<Plot>(plot), Number(faults), Number(runs));
                break;
            case ["golden", var file, var worlds]:
                CheckGolden(file, Number(worlds));
                break;
            case ["transcript", var file]:
                Out.WriteLine(string.Join('\n', GoldenRun.Run(File.ReadAllLines(file), 1)));
                return 0;
            case ["walk", var place, var first, var count]:
                Walk(Enum.Parse<Place>(place), Number(first), Number(count));
                break;
            default:
                Out.WriteLine("golden FILE WORLDS | transcript FILE | walk PLACE FIRST COUNT | explore PLACE PLOT FAULTS RUNS | seeds N… | range FIRST COUNT | fresh FIRST SECONDS | calm N | trace N FILE | steps FAULT FIRST STRIDE | stations | mutant");
                return 2;
        }

        if (args[0] is "seeds" or "range" or "fresh" or "stations")
        {
            Out.WriteLine($"{FaultTable.Shared}\n{Happened.Shared}");
        }

        if (!_failed && Happened.Shared.Missing(SeedRun.Required(_worlds)) is { Count: > 0 } missing)
        {
            Out.WriteLine($"never happened: {string.Join(", ", missing)}");
            _failed = true;
        }

        if (args[0] is "seeds" or "calm" && _compactions == 0)
        {
            Out.WriteLine("no segment was compacted: these runs show nothing of S8 and Q7");
            _failed = true;
        }

        return _failed ? 1 : 0;
    }

    /// <summary>A script in so many worlds: each has to give the transcript in its file.</summary>
    private static void CheckGolden(string file, int worlds)
    {
        var expected = File.ReadAllLines(file);
        for (var seed = 1; seed <= worlds && !_failed; seed++)
        {
            if (GoldenScript.Difference(Path.GetFileName(file), expected, GoldenRun.Run(expected, seed)) is { } difference)
            {
                Out.WriteLine($"world {seed}: {difference}");
                _failed = true;
            }
        }
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static bool Report(SeedReport report, string name)
    {
        Out.WriteLine(report);
        _compactions += report.Compactions;
        if (report.Violations.Count == 0)
        {
            return true;
        }

        _failed = true;
        var path = Path.Combine(Path.GetTempPath(), $"minimilvus-sim-{name}.log");
        File.WriteAllLines(path, report.Tail);
        Out.WriteLine($"{string.Join('\n', report.Violations.Take(5))}\nlog: {path}\nreplay: MINIMILVUS_SIM_SEED={report.Seed} dotnet test tests/Simulation");
        return false;
    }

    private static void Fresh(int first, int seconds)
    {
        var watch = Stopwatch.StartNew();
        var runs = 0;
        while (watch.Elapsed.TotalSeconds < seconds && Report(SeedRun.Run(first + runs), $"seed-{first + runs}"))
        {
            _worlds = ++runs;
        }

        Out.WriteLine($"{runs} fresh seeds from {first} in {watch.Elapsed.TotalSeconds:0} s");
    }

    /// <summary>The story once for each step of the disk that changes something, with the fault at that step.</summary>
    private static void EveryStep(string kind, int first, int stride)
    {
        var count = new CountChanges();
        Report(StoryRun.Run(count), "story");
        var runs = 0;
        for (var step = first; step <= count.Changes; step += stride)
        {
            if (!FaultKinds.Applicable(count.Stations[step - 1]).Contains(kind))
            {
                continue;
            }

            var plan = new FaultAtStep(step, kind);
            var report = StoryRun.Run(plan);
            runs += plan.HasStruck ? 1 : 0;
            if (report.Violations.Count > 0)
            {
                Out.WriteLine($"{kind} at step {step} ({count.Stations[step - 1]}):");
                Report(report, $"{kind}-{step}");
            }
        }

        Out.WriteLine($"{kind}: {runs} runs over {count.Changes} steps, from step {first} every {stride}");
        _failed |= runs == 0;
    }

    /// <summary>Every fault at every station where it applies, at least once.</summary>
    private static void EveryStation()
    {
        var stations = new SortedSet<string>(StringComparer.Ordinal);
        Report(StoryRun.Run(new Watching(stations)), "story");
        foreach (var station in stations)
        {
            foreach (var kind in FaultKinds.Applicable(station))
            {
                for (var skip = 2; FaultTable.Shared.Count(station, kind) == 0 && skip >= 0; skip--)
                {
                    var report = StoryRun.Run(new FaultAtStation(station, kind, skip));
                    if (report.Violations.Count > 0)
                    {
                        Out.WriteLine($"{kind} at {station} after {skip}:");
                        Report(report, $"{station.Replace(' ', '-')}-{kind}");
                    }
                }
            }
        }

        // What the short story does not come to, deletions and recoveries above all, a longer one does, or the start behind a kill.
        SeedRun.Run(3, Longer, w => w.Faults = new Watching(stations));
        foreach (var station in Stations.All)
        {
            foreach (var kind in FaultKinds.Applicable(station))
            {
                for (var seed = 1; FaultTable.Shared.Count(station, kind) == 0 && seed <= 9; seed++)
                {
                    var plan = seed <= 6 && stations.Contains(station) ? (IFaultPlan)new FaultAtStation(station, kind, 3 - (seed / 2)) : new FaultBehindKill(station, kind, 0);
                    Report(SeedRun.Run(seed, Longer, w => w.Faults = plan), $"{station.Replace(' ', '-')}-{kind}");
                }
            }
        }

        // Those that were never passed are missed with all their faults.
        var missing = FaultTable.Shared.Missing(Stations.All);
        var unknown = stations.Except(Stations.All).ToList();
        Out.WriteLine($"{stations.Count} stations; never injected: {(missing.Count == 0 ? "none" : string.Join(", ", missing))}; not among those that faults are planned for: {(unknown.Count == 0 ? "none" : string.Join(", ", unknown))}");
        _failed |= missing.Count > 0 || unknown.Count > 0;
    }

    /// <summary>A disk whose flush of the log does nothing: some power cut must show it, or the checkers see nothing.</summary>
    private static void Mutant()
    {
        for (var seed = 1; seed <= PowerCuts; seed++)
        {
            var report = StoryRun.Run(NoFaults.Instance, seed, w => w.IgnoresFlush = path => path.EndsWith(".wal", StringComparison.Ordinal), cutAtEnd: true);
            if (report.Violations.FirstOrDefault(v => v.StartsWith("[W1", StringComparison.Ordinal)) is { } found)
            {
                Out.WriteLine($"seed {seed}: {found}");
                return;
            }
        }

        Out.WriteLine($"{PowerCuts} power cuts over a log without flushes, and nothing was missed");
        _failed = true;
    }

    /// <summary>Every order of the small log's steps; what is to happen in it has to have happened.</summary>
    private static void Explore(Place place, Plot plot, int faults, int runs)
    {
        using var gate = new ThreadPoolGate();
        var watch = Stopwatch.StartNew();
        var explorer = new Explorer(place, plot, faults);
        _failed |= !explorer.Explore(gate, runs);
        Out.WriteLine(explorer);
        Out.WriteLine($"{watch.Elapsed.TotalSeconds:0.0} s; never happened: {(explorer.Missing.Count == 0 ? "nothing" : string.Join(", ", explorer.Missing))}");
        Out.WriteLine(string.Join('\n', explorer.Wrong));
        _failed |= explorer.Missing.Count > 0;
    }

    /// <summary>So many lives of a log on objects, by seed. Every fault has to strike every kind of call where it applies, every event has to have happened.</summary>
    private static void Walk(Place place, int first, int count)
    {
        using var gate = new ThreadPoolGate();
        var watch = Stopwatch.StartNew();
        var (faults, events) = (new WalkFaults(), Happened.Shared.Counts);
        for (var seed = first; seed < first + count && !_failed; seed++)
        {
            var walk = new LogWalk(place, seed, faults, events);
            walk.Run(gate);
            _failed = walk.Wrong.Count > 0;
            if (_failed || count == 1)
            {
                Out.WriteLine($"{walk}\n{string.Join('\n', walk.Wrong.Take(5))}");
            }
        }

        var missing = count == 1 ? [] : faults.Missing.Concat(LogWalk.Required(place).Where(e => !events.ContainsKey(e))).ToList();
        Out.WriteLine($"{faults}\n{string.Join('\n', events.Select(e => $"{e.Value,8}  {e.Key}"))}\nnever happened: {(missing.Count == 0 ? "nothing" : string.Join(", ", missing))}");
        _failed |= missing.Count > 0;
        Out.WriteLine(count == 1 ? "" : $"{count} seeds from {first} in {watch.Elapsed.TotalSeconds:0} s");
    }

    private sealed class Watching(SortedSet<string> stations) : IFaultPlan
    {
        public string? At(Storage.Disk.DiskStep step, string station)
        {
            stations.Add(station);
            return null;
        }
    }
}
