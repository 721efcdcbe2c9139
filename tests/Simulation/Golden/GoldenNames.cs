using System.Globalization;
using System.Text.RegularExpressions;
using MiniMilvus.Core;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Simulation.Golden;

/// <summary>
/// Names for what differs from one run to the next: the ticks of a log are t1, t2 … in its order (of a second log u1, u2 …), segments are s1, s2 …,
/// keys are letters. Nothing else that a clock or a seed decides stands in a transcript.
/// </summary>
internal sealed partial class GoldenNames
{
    private const string Letters = "tu";
    private readonly SortedDictionary<string, List<Timestamp>> _ticks = new(StringComparer.Ordinal);
    private readonly List<SegmentId> _segments = [];

    public static string Short(PChannel channel) => channel.Name.Replace("_", "", StringComparison.Ordinal);

    public static long Key(char letter) => letter - 'a' + 1;

    /// <summary>A row as scripts write it: its key, and its value unless that is 1.</summary>
    public static string Row(long key, long value) => Letter(key) + (value == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"={value}"));

    public static string Letter(long key) => ((char)('a' + key - 1)).ToString();

    public static (long Key, long Value) Row(string word) => (Key(word[0]), word.Length > 2 ? long.Parse(word[2..], CultureInfo.InvariantCulture) : 1);

    /// <summary>Names a tick of the log; they come in log order.</summary>
    public string AddTick(PChannel channel, Timestamp tick)
    {
        if (!_ticks.TryGetValue(channel.Name, out var ticks))
        {
            _ticks[channel.Name] = ticks = [];
        }

        ticks.Add(tick);
        return Name(channel.Name, ticks.Count - 1);
    }

    /// <summary>A timestamp by the ticks of the log that it is at or follows; of each log, where there are two.</summary>
    public string At(Timestamp at) => string.Join(" and ", _ticks.Select(t => At(t.Key, t.Value, at)));

    public string At(PChannel channel, Timestamp at) => At(channel.Name, _ticks[channel.Name], at);

    public string Segment(SegmentId id)
    {
        var index = _segments.IndexOf(id);
        if (index < 0)
        {
            index = _segments.Count;
            _segments.Add(id);
        }

        return string.Create(CultureInfo.InvariantCulture, $"s{index + 1}");
    }

    /// <summary>A message of the server, its shards and timestamps named.</summary>
    public string Named(string text) => TimestampText().Replace(ShardText().Replace(text, "shard p$1"), m => At(Timestamp.FromUnixMilliseconds(
        long.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture), uint.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture))));

    private string At(string channel, List<Timestamp> ticks, Timestamp at)
    {
        var last = ticks.FindLastIndex(t => t <= at);
        return last < 0 ? $"before {Name(channel, 0)}" : ticks[last] == at ? $"at {Name(channel, last)}" : $"after {Name(channel, last)}";
    }

    private string Name(string channel, int index) => string.Create(CultureInfo.InvariantCulture, $"{Letters[_ticks.Keys.ToList().IndexOf(channel)]}{index + 1}");

    [GeneratedRegex(@"\bp_(\d)_\d+v\d+\b")]
    private static partial Regex ShardText();

    [GeneratedRegex(@"\b(\d{13})\.(\d+)\b")]
    private static partial Regex TimestampText();
}
