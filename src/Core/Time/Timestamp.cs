using System.Globalization;

namespace MiniMilvus.Core.Time;

/// <summary>
/// A hybrid timestamp, as in Milvus: 46 bits of milliseconds since the Unix epoch, 18 bits of counter.
/// Granted only by the <see cref="ITimestampOracle"/>; its order is the order of everything.
/// </summary>
[method: System.Text.Json.Serialization.JsonConstructor]
public readonly record struct Timestamp(ulong Value) : IComparable<Timestamp>
{
    public const int LogicalBits = 18;
    public const ulong LogicalMask = (1UL << LogicalBits) - 1;

    public static readonly Timestamp Zero;
    /// <summary>Milvus's "Eventually": any snapshot will do.</summary>
    public static readonly Timestamp Eventually = new(1);
    public static readonly Timestamp Max = new(ulong.MaxValue);

    public static Timestamp FromUnixMilliseconds(long milliseconds, uint logical = 0) =>
        new(((ulong)milliseconds << LogicalBits) | logical);

    public long UnixMilliseconds => (long)(Value >> LogicalBits);
    public Timestamp Plus(ulong ticks) => new(Value + ticks);

    /// <summary>This timestamp moved back by <paramref name="span"/>, never below 1.</summary>
    public Timestamp Minus(TimeSpan span)
    {
        var back = (ulong)span.TotalMilliseconds << LogicalBits;
        return Value <= back + 1 ? Eventually : new(Value - back);
    }

    public int CompareTo(Timestamp other) => Value.CompareTo(other.Value);
    public static Timestamp Later(Timestamp a, Timestamp b) => a > b ? a : b;
    public static bool operator <(Timestamp a, Timestamp b) => a.Value < b.Value;
    public static bool operator >(Timestamp a, Timestamp b) => a.Value > b.Value;
    public static bool operator <=(Timestamp a, Timestamp b) => a.Value <= b.Value;
    public static bool operator >=(Timestamp a, Timestamp b) => a.Value >= b.Value;
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{UnixMilliseconds}.{Value & LogicalMask}");
}

/// <summary>A granted run of timestamps: <c>First … First + Count − 1</c>.</summary>
public readonly record struct TimestampRange(Timestamp First, int Count)
{
    public Timestamp Last => First.Plus((ulong)Count - 1);
    public Timestamp this[int index] => First.Plus((ulong)index);
}

/// <summary>
/// Grants timestamps. Grants are linearizable (T8): one that starts after another returned is larger.
/// Errors: Unavailable (try again), Fenced (the term is stale: give the channel up).
/// </summary>
public interface ITimestampOracle
{
    ValueTask<TimestampRange> AllocateTimestampsAsync(int count, CancellationToken ct);

    /// <summary>Timestamps for ticks on a pchannel; refused to a term that is not the newest (T7).</summary>
    ValueTask<TimestampRange> AllocateTicksAsync(PChannel channel, Term term, int count, CancellationToken ct);
}

/// <summary>Grants ids, each once, for collections, segments, rows and nodes alike.</summary>
public interface IIdAllocator
{
    /// <returns>The first of <paramref name="count"/> consecutive ids.</returns>
    ValueTask<long> AllocateIdsAsync(int count, CancellationToken ct);
}

/// <summary>Runs CPU-heavy work off the caller's loop; the simulator runs it in seeded order.</summary>
public interface IComputePool
{
    /// <summary>Queues the work; it completes, fails, or is cancelled before it started.</summary>
    Task<T> RunAsync<T>(Func<T> work, CancellationToken ct);
}
