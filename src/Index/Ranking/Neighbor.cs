namespace MiniMilvus.Index.Ranking;

/// <summary>
/// A found row: its key (a row number, or whatever the caller counts in) and its internal distance, smaller is closer.
/// The order is (distance, key), so ties always fall the same way.
/// </summary>
public readonly record struct Neighbor(long Key, float Distance) : IComparable<Neighbor>
{
    /// <inheritdoc/>
    public int CompareTo(Neighbor other) => IsBefore(this, other) ? -1 : IsBefore(other, this) ? 1 : 0;

    /// <summary>True when a is strictly better than b.</summary>
    public static bool IsBefore(in Neighbor a, in Neighbor b) =>
        a.Distance < b.Distance || (a.Distance == b.Distance && a.Key < b.Key);

    /// <summary>True when a is strictly better than b.</summary>
    public static bool operator <(Neighbor a, Neighbor b) => IsBefore(a, b);

    /// <summary>True when a is strictly worse than b.</summary>
    public static bool operator >(Neighbor a, Neighbor b) => IsBefore(b, a);

    /// <summary>True when a is at least as good as b.</summary>
    public static bool operator <=(Neighbor a, Neighbor b) => !IsBefore(b, a);

    /// <summary>True when a is at most as good as b.</summary>
    public static bool operator >=(Neighbor a, Neighbor b) => !IsBefore(a, b);
}
