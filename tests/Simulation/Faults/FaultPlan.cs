using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Simulation.Faults;

/// <summary>Says at which step of the disk which fault strikes. Null = none.</summary>
internal interface IFaultPlan
{
    string? At(DiskStep step, string station);
}

internal sealed class NoFaults : IFaultPlan
{
    public static readonly NoFaults Instance = new();

    public string? At(DiskStep step, string station) => null;
}

/// <summary>One fault at one step: for the systematic runs, counted over the steps that change the disk.</summary>
internal sealed class FaultAtStep(int change, string kind) : IFaultPlan
{
    private int _changes;

    public bool HasStruck { get; private set; }

    public string? At(DiskStep step, string station)
    {
        if (!StationMap.Changes(step) || ++_changes != change || !FaultKinds.Applicable(station).Contains(kind))
        {
            return null;
        }

        HasStruck = true;
        return kind;
    }
}

/// <summary>Counts the steps that change the disk: the dry run of the systematic runs.</summary>
internal sealed class CountChanges : IFaultPlan
{
    public int Changes { get; private set; }

    public List<string> Stations { get; } = [];

    public string? At(DiskStep step, string station)
    {
        if (StationMap.Changes(step))
        {
            Changes++;
            Stations.Add(station);
        }

        return null;
    }
}

/// <summary>
/// Seeded faults: a few stations are chosen, for each the kind of fault and how many of its steps pass before it strikes. What has struck, or has
/// waited too long for a step of its station, is replaced by another choice, so that a run has faults to its end. Mercy: deadly faults keep a distance, so that the world can live.
/// </summary>
internal sealed class SeededFaults(Random random, IReadOnlyList<string> stations, int most, Func<long> now) : IFaultPlan
{
    private static readonly long Distance = TimeSpan.FromMilliseconds(400).Ticks;

    private const int WaitSteps = 400;

    private readonly Dictionary<string, (string Kind, int Skip)> _armed = [];
    private readonly Queue<(string Station, long Until)> _waiting = new();
    private long _steps;
    private long _lastDeadly = -TimeSpan.TicksPerSecond;

    public int Struck { get; private set; }

    public bool IsOn { get; set; }

    public string? At(DiskStep step, string station)
    {
        if (!IsOn || Struck >= most)
        {
            return null;
        }

        _steps++;
        while (_waiting.TryPeek(out var oldest) && oldest.Until < _steps)
        {
            _armed.Remove(_waiting.Dequeue().Station);
        }

        while (_armed.Count < 4)
        {
            var chosen = stations[random.Next(stations.Count)];
            var kinds = FaultKinds.Applicable(chosen);
            var frequent = chosen.StartsWith("log block", StringComparison.Ordinal) || chosen.StartsWith("meta journal", StringComparison.Ordinal);
            _armed[chosen] = (kinds[random.Next(kinds.Count)], random.Next(frequent ? 60 : 5));
            _waiting.Enqueue((chosen, _steps + WaitSteps));
        }

        if (!_armed.TryGetValue(station, out var fault))
        {
            return null;
        }

        if (fault.Skip > 0)
        {
            _armed[station] = fault with { Skip = fault.Skip - 1 };
            return null;
        }

        if (FaultKinds.IsDeadly(fault.Kind))
        {
            if (now() - _lastDeadly < Distance)
            {
                return null;
            }

            _lastDeadly = now();
        }

        _armed.Remove(station);
        Struck++;
        return fault.Kind;
    }
}

/// <summary>One fault at one station, after some of its steps have passed.</summary>
internal sealed class FaultAtStation(string where, string kind, int skip) : IFaultPlan
{
    private int _left = skip;

    public bool HasStruck { get; private set; }

    public string? At(DiskStep step, string station)
    {
        if (HasStruck || station != where || _left-- > 0)
        {
            return null;
        }

        HasStruck = true;
        return kind;
    }
}

/// <summary>A kill while an object is being written, which leaves something for the next start to clear away, and from then on one fault at one station.</summary>
internal sealed class FaultBehindKill(string where, string kind, int skip) : IFaultPlan
{
    private const string Killed = "object staging fsync";
    private readonly FaultAtStation _kill = new(Killed, FaultKinds.Kill, 5);
    private readonly FaultAtStation _fault = new(where, kind, skip);

    public string? At(DiskStep step, string station) => _kill.HasStruck ? _fault.At(step, station) : _kill.At(step, station);
}
