using System.Text;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Simulation.Faults;

/// <summary>Which fault struck which station how often, over all runs of the process; printed at the end, and judged.</summary>
internal sealed class FaultTable
{
    public static readonly FaultTable Shared = new();

    private readonly Lock _lock = new();
    private readonly SortedDictionary<(string Station, string Fault), int> _counts = [];
    private readonly SortedDictionary<string, long> _steps = [];

    public void Passed(string station)
    {
        lock (_lock)
        {
            _steps[station] = _steps.GetValueOrDefault(station) + 1;
        }
    }

    public void Struck(string station, string fault)
    {
        lock (_lock)
        {
            _counts[(station, fault)] = _counts.GetValueOrDefault((station, fault)) + 1;
        }
    }

    public int Count(string station, string fault)
    {
        lock (_lock)
        {
            return _counts.GetValueOrDefault((station, fault));
        }
    }

    /// <summary>Stations that were passed, each with the faults that apply to it and were never injected.</summary>
    public IReadOnlyList<string> Missing(IReadOnlyList<string> stations)
    {
        lock (_lock)
        {
            return [.. stations.SelectMany(s => FaultKinds.Applicable(s).Where(f => _counts.GetValueOrDefault((s, f)) == 0).Select(f => $"{s} × {f}"))];
        }
    }

    public override string ToString()
    {
        lock (_lock)
        {
            var text = new StringBuilder().AppendLine().Append($"{"station",-28}{"steps",10}");
            foreach (var fault in FaultKinds.All)
            {
                text.Append($"{fault,12}");
            }

            text.AppendLine();
            foreach (var (station, steps) in _steps)
            {
                text.Append($"{station,-28}{steps,10}");
                var applicable = FaultKinds.Applicable(station);
                foreach (var fault in FaultKinds.All)
                {
                    text.Append($"{(applicable.Contains(fault) ? _counts.GetValueOrDefault((station, fault)).ToString() : "-"),12}");
                }

                text.AppendLine();
            }

            return text.ToString();
        }
    }
}

/// <summary>The faults, and where each can happen.</summary>
internal static class FaultKinds
{
    public const string Cut = "cut";
    public const string CutAfter = "cut after";
    public const string Torn = "torn+cut";
    public const string Kill = "kill";
    public const string FailBefore = "fail";
    public const string FailAfter = "reply lost";
    public const string NoSpace = "no space";
    public const string Slow = "slow";

    public static readonly IReadOnlyList<string> All = [Cut, CutAfter, Torn, Kill, FailBefore, FailAfter, NoSpace, Slow];

    public static IReadOnlyList<string> Applicable(string station) =>
        station.EndsWith(" write", StringComparison.Ordinal) ? All
        : station.EndsWith(" preallocate", StringComparison.Ordinal) ? [Cut, CutAfter, Kill, FailBefore, FailAfter, NoSpace, Slow]
        : station.EndsWith(" read", StringComparison.Ordinal) || station.EndsWith(" open", StringComparison.Ordinal) || station.EndsWith(" list", StringComparison.Ordinal)
            ? [FailBefore, Slow]
        : [Cut, CutAfter, Kill, FailBefore, FailAfter, Slow];

    public static DiskFault Make(string kind, DiskStep step, Random random) => kind switch
    {
        Cut => new DiskFault.Cut(),
        CutAfter => new DiskFault.CutAfter(),
        Torn => new DiskFault.Torn(random.NextInt64(0, Math.Max(1, step.Bytes)), ThenCut: true),
        FailBefore => new DiskFault.FailBefore(),
        FailAfter => new DiskFault.FailAfter(),
        NoSpace => new DiskFault.NoSpace(),
        Kill or Slow => new DiskFault.Slow(TimeSpan.FromMilliseconds(random.Next(50, 3000))),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    /// <summary>Whether the process is gone after it.</summary>
    public static bool IsDeadly(string kind) => kind is Cut or CutAfter or Torn or Kill;
}
