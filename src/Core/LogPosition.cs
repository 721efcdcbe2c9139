using System.Globalization;

namespace MiniMilvus.Core;

/// <summary>
/// A place in a log: (log segment, entry). As the start of a read it is an inclusive lower bound, so
/// <see cref="Next"/> of the last entry read is where to go on, also when the log has rolled meanwhile.
/// </summary>
[method: System.Text.Json.Serialization.JsonConstructor]
public readonly record struct LogPosition(long Segment, long Entry) : IComparable<LogPosition>
{
    public static readonly LogPosition Beginning;
    public static readonly LogPosition Max = new(long.MaxValue, long.MaxValue);

    // Else a record's JSON would hold the next position, and the one after it, without end.
    [System.Text.Json.Serialization.JsonIgnore]
    public LogPosition Next => new(Segment, Entry + 1);

    public int CompareTo(LogPosition other) =>
        Segment != other.Segment ? Segment.CompareTo(other.Segment) : Entry.CompareTo(other.Entry);

    public static LogPosition Min(LogPosition a, LogPosition b) => a < b ? a : b;
    public static bool operator <(LogPosition a, LogPosition b) => a.CompareTo(b) < 0;
    public static bool operator >(LogPosition a, LogPosition b) => a.CompareTo(b) > 0;
    public static bool operator <=(LogPosition a, LogPosition b) => a.CompareTo(b) <= 0;
    public static bool operator >=(LogPosition a, LogPosition b) => a.CompareTo(b) >= 0;

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static LogPosition Parse(string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        return slash > 0
            && long.TryParse(text.AsSpan(0, slash), NumberStyles.None, CultureInfo.InvariantCulture, out var segment)
            && long.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var entry)
            ? new LogPosition(segment, entry)
            : throw new FormatException($"log position: expected 'segment/entry', found '{text}'");
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Segment}/{Entry}");
}
