namespace MiniMilvus.Core.Concurrency;

/// <summary>Two marks of something that fills up: above the low one whoever fills it is slowed in proportion, at the high one refused.</summary>
public readonly record struct Watermarks(long Low, long High)
{
    /// <param name="slowFrom">The part of <paramref name="high"/> where slowing begins.</param>
    public static Watermarks Of(long high, double slowFrom) => new((long)(high * slowFrom), high);

    /// <summary>0 up to the low mark, 1 from the high one on.</summary>
    public double PressureAt(long found) => found <= Low ? 0 : found >= High ? 1 : (double)(found - Low) / (High - Low);
}
