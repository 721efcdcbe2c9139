using System.Text;

namespace MiniMilvus.Simulation.Walks;

/// <summary>What a walk does to a call that waits for its turn.</summary>
internal enum WalkFault
{
    /// <summary>It does not happen.</summary>
    Fails,
    /// <summary>It happens, and its caller hears that it did not answer.</summary>
    ReplyLost,
    /// <summary>Its caller hears that it did not answer, and it happens later, perhaps behind the caller's next try (W14).</summary>
    Late,
    /// <summary>It happens, and its caller hears of it when others have gone on: a look-up that is old when it is answered.</summary>
    AnswersLate,
    /// <summary>It happens, and once more later.</summary>
    Duplicated,
    /// <summary>Its process is killed while it is on its way, before it happens.</summary>
    Killed,
    /// <summary>The same, after it has happened.</summary>
    KilledAfter,
}

/// <summary>How often each fault struck each kind of call. One that applies and never struck fails the run.</summary>
internal sealed class WalkFaults
{
    private readonly SortedDictionary<(string Call, WalkFault Fault), int> _struck = [];
    private readonly SortedDictionary<string, (long Calls, bool Changes)> _calls = new(StringComparer.Ordinal);

    public void Passed(string call, bool changes) => _calls[call] = (_calls.GetValueOrDefault(call).Calls + 1, changes);

    public void Struck(string call, WalkFault fault) => _struck[(call, fault)] = _struck.GetValueOrDefault((call, fault)) + 1;

    public static bool Applies(WalkFault fault, bool changes, bool isPut) => fault switch
    {
        WalkFault.Late or WalkFault.Duplicated => isPut,
        WalkFault.ReplyLost or WalkFault.KilledAfter => changes,
        _ => true,
    };

    public IReadOnlyList<string> Missing =>
        [.. _calls.SelectMany(c => Enum.GetValues<WalkFault>().Where(f => Applies(f, c.Value.Changes, IsPut(c.Key)) && !_struck.ContainsKey((c.Key, f))).Select(f => $"{c.Key} × {f}"))];

    public static bool IsPut(string call) => call.StartsWith("put", StringComparison.Ordinal);

    public override string ToString()
    {
        var text = new StringBuilder().Append($"{"call",-20}{"calls",10}");
        text.AppendJoin("", Enum.GetNames<WalkFault>().Select(f => $"{f,12}")).AppendLine();
        foreach (var (call, (calls, changes)) in _calls)
        {
            text.Append($"{call,-20}{calls,10}");
            text.AppendJoin("", Enum.GetValues<WalkFault>().Select(f => Applies(f, changes, IsPut(call)) ? $"{_struck.GetValueOrDefault((call, f)),12}" : $"{"-",12}")).AppendLine();
        }

        return text.ToString();
    }
}
