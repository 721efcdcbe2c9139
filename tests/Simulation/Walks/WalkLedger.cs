using MiniMilvus.Core;

namespace MiniMilvus.Simulation.Walks;

/// <summary>What was acked, shown and inherited in a walk, and what must therefore be found (W1 to W4, W14, W15). Knows nothing of the log's code.</summary>
internal sealed class WalkLedger(List<string> wrong)
{
    private readonly SortedDictionary<int, Entry> _entries = [];
    private readonly SortedDictionary<LogPosition, int> _shown = [];
    private readonly List<(long Term, LogPosition Start)> _opened = [];

    public LogPosition TruncatedUntil { get; private set; } = LogPosition.Beginning;

    public int Acked => _entries.Values.Count(e => e.IsAcked);

    public void Placed(int number, long term, LogPosition at) => _entries[number] = new Entry(term, at, false);

    public void Ack(int number)
    {
        var entry = _entries[number] with { IsAcked = true };
        _entries[number] = entry;
        if (_opened.Any(o => o.Term > entry.Term) && _shown.GetValueOrDefault(entry.At) != number)
        {
            wrong.Add($"[W3 nothing of an older writer is acked that a newer one's open did not find] {number} of term {entry.Term} at {entry.At}");
        }
    }

    public void Truncated(LogPosition until) => TruncatedUntil = until > TruncatedUntil ? until : TruncatedUntil;

    /// <summary>A writer has been opened; its first entry will lie at <paramref name="start"/>, and this is what was there before it.</summary>
    public void Opened(long term, LogPosition start, IReadOnlyList<(LogPosition Position, int Number)> inherited)
    {
        _opened.Add((term, start));
        Whole($"the open in term {term}", inherited, start);
    }

    /// <summary>A reader was shown an entry: whoever is shown something there is shown the same.</summary>
    public void Show(string who, LogPosition at, int number)
    {
        if (!_shown.TryAdd(at, number) && _shown[at] != number)
        {
            wrong.Add($"[W4 every reader sees the same] {who} was shown {number} at {at}, another one {_shown[at]}");
        }

        if (!_entries.TryGetValue(number, out var entry))
        {
            wrong.Add($"[W1 nothing is made up] {who} was shown {number} at {at}, which nobody appended");
        }
        else if (entry.At != at)
        {
            wrong.Add($"[W14 every entry once, in its place] {who} was shown {number} at {at}, its writer was told {entry.At}");
        }
        else if (_opened.FirstOrDefault(o => at >= o.Start && entry.Term < o.Term) is { Term: > 0 } newer)
        {
            wrong.Add($"[W3 nothing of an older writer behind a newer one's open] {who} was shown {number} of term {entry.Term} at {at}; term {newer.Term} began at {newer.Start}");
        }
    }

    /// <summary>All that lies below a position, read at once: nothing acked or shown is missing.</summary>
    public void Whole(string who, IReadOnlyList<(LogPosition Position, int Number)> found, LogPosition until)
    {
        foreach (var (position, number) in found)
        {
            Show(who, position, number);
        }

        if (found.Zip(found.Skip(1)).Any(pair => pair.First.Position >= pair.Second.Position))
        {
            wrong.Add($"[W4 in order] {who} found {string.Join(", ", found.Select(f => f.Position))}");
        }

        var numbers = found.Select(f => f.Number).ToHashSet();
        foreach (var (number, entry) in _entries.Where(e => e.Value.IsAcked && e.Value.At < until && e.Value.At >= TruncatedUntil && !numbers.Contains(e.Key)))
        {
            wrong.Add($"[W1 an acked entry is readable] {who} missed {number}, acked at {entry.At} in term {entry.Term}");
        }

        foreach (var (position, number) in _shown.Where(s => s.Key < until && s.Key >= TruncatedUntil && !numbers.Contains(s.Value)))
        {
            wrong.Add($"[W1 what was shown stays] {who} missed {number}, which a reader was shown at {position}");
        }
    }

    /// <summary>A reader that began at one entry and came to another was shown all between.</summary>
    public void Walked(string who, IReadOnlyList<LogPosition> seen)
    {
        if (seen.Count > 1 && _shown.Keys.Count(p => p >= seen[0] && p <= seen[^1]) is var between && between != seen.Count)
        {
            wrong.Add($"[W4 every entry once] {who} was shown {seen.Count} entries from {seen[0]} to {seen[^1]}, others {between}");
        }
    }

    private sealed record Entry(long Term, LogPosition At, bool IsAcked);
}
