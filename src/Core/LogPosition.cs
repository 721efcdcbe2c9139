using System.Globalization;

namespace MiniMilvus.Core;

/// <summary>
/// A place in a log: (log segment, entry). As the start of a read it is an inclusive lower bound, so
/// <see cref="Next"/> of the last entry read is where to go on, also when the log has rolled meanwhile.
/// </summary>
public readonly record struct LogPosition(long Segment, long Entry) : IComparable<LogPosition>
{
    public static readonly LogPosition Beginning;
    public static readonly LogPosition Max = new(long.MaxValue, long.MaxValue);

    public LogPosition Next => new(Segment, Entry + 1);

    public int CompareTo(LogPosition other) =>
        Segment != other.Segment ? Segment.CompareTo(other.Segment) : Entry.CompareTo(other.Entry);

    public static LogPosition Min(LogPosition a, LogPosition b) => a < b ? a : b;
    public static bool operator <(LogPosition a, LogPosition b) => a.CompareTo(b) < 0;
    public static bool operator >(LogPosition a, LogPosition b) => a.CompareTo(b) > 0;
    public static bool operator <=(LogPosition a, LogPosition b) => a.CompareTo(b) <= 0;
    public static bool operator >=(LogPosition a, LogPosition b) => a.CompareTo(b) >= 0;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Segment}/{Entry}");
}
