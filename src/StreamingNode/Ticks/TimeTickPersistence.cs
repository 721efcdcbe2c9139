namespace MiniMilvus.StreamingNode.Ticks;

/// <summary>Whether idle ticks enter the log (<c>timetick.persist</c>, decision 2).</summary>
public enum TimeTickPersistence
{
    /// <summary>Ticks travel in memory, when somebody needs one; an idle channel writes nothing at all.</summary>
    Lazy,

    /// <summary>A tick is appended every interval, as older designs do; kept for comparison.</summary>
    All,
}
