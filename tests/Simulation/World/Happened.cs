using System.Diagnostics.Metrics;
using System.Text;

namespace MiniMilvus.Simulation.World;

/// <summary>
/// What came to pass in all worlds of this process, by the server's own log events and counts and by what the checkers saw. What is required and
/// never happened fails the run: seeds in which nothing is evicted prove nothing about eviction.
/// </summary>
internal sealed class Happened : IDisposable
{
    public const string HandoffBesideRead = "a handoff beside a running read of its collection";
    public const string TailFellBehind = "a reader at the tail fell behind the tail buffer and went on from the log";
    public const string FilteredRead = "a filtered read was answered";

    /// <summary>The server's log events that count, by the name of their method in its Log.cs.</summary>
    private static readonly Dictionary<string, string> s_events = new(StringComparer.Ordinal)
    {
        ["DeletesCommitted"] = "a delete file was committed",
        ["ShardFailed"] = "a query node's shard failed and started over",
        ["HandedOff"] = "a handoff",
        ["Compacted"] = "segments were compacted",
        ["IndexLoaded"] = "a sealed segment got its index",
        ["Released"] = "a segment was released",
        ["BufferEvicted"] = "a growing buffer was let go and read again",
    };

    private static readonly Dictionary<string, string> s_counters = new(StringComparer.Ordinal)
    {
        ["minimilvus_woodpecker_gc_segments"] = "a truncated log segment was collected",
        ["minimilvus_woodpecker_slowed_appends"] = "an append was slowed",
        ["minimilvus_woodpecker_refused_appends"] = "an append was refused for want of room",
        ["woodpecker_reader_demotions"] = "a reader fell behind the tail of its writer and went to the segments",
        ["woodpecker_compaction_segments"] = "a log segment was sealed",
        ["woodpecker_compaction_swept_segments"] = "a sealed log segment's small blocks were deleted",
    };

    private readonly SortedDictionary<string, long> _counts = new(StringComparer.Ordinal);
    private MeterListener? _listener;

    /// <summary>Over all runs of the process; a process runs one world at a time, on one thread.</summary>
    public static Happened Shared { get; } = new();

    public SortedDictionary<string, long> Counts => _counts;

    /// <summary>A world or a walk begins: what is created from now on is heard. Those before it are over, but nobody disposes the meters of a killed process.</summary>
    public void Begin()
    {
        _listener?.Dispose();
        var isNew = false;
        _listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (isNew && s_counters.ContainsKey(instrument.Name))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        _listener.SetMeasurementEventCallback<long>((instrument, count, _, _) => Add(s_counters[instrument.Name], count));
        _listener.Start();
        isNew = true;
    }

    public void Add(string what, long count = 1) => _counts[what] = _counts.GetValueOrDefault(what) + count;

    public void Logged(string? name)
    {
        if (name is not null && s_events.TryGetValue(name, out var what))
        {
            Add(what);
        }
    }

    public IReadOnlyList<string> Missing(IEnumerable<string> required) => [.. required.Where(r => !_counts.ContainsKey(r))];

    public void Dispose() => _listener?.Dispose();

    public override string ToString() => new StringBuilder().AppendJoin('\n', _counts.Select(c => $"{c.Value,8}  {c.Key}")).ToString();
}
