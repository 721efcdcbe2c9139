namespace MiniMilvus.Host.Verifying;

/// <summary>The scrub in the background: what <c>minimilvus verify</c> reads, read again and again, so that damage is heard of before somebody needs the bytes.</summary>
public sealed record ScrubOptions
{
    /// <summary>From the end of one round to the beginning of the next, and from the start to the first; 0 = never.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromHours(24);

    /// <summary>What it reads at most, bytes a second; 0 = as fast as it can.</summary>
    public long BytesPerSecond { get; init; } = 16 * 1024 * 1024;

    /// <summary>Also where each look at an object is a request that costs money (docs/backends.md).</summary>
    public bool Remote { get; init; }
}
