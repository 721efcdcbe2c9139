using MiniMilvus.Core;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.Host.Verifying;

/// <summary>Something that was made from a stretch of the log, and how it compares with it. It has one of four ends: the same, a difference, an obstacle, or older than what the log still holds.</summary>
/// <param name="name">As in "segment 1006".</param>
/// <param name="start">Where its stretch of the log begins.</param>
internal abstract class Comparison(string name, LogPosition start)
{
    public string Name => name;

    public LogPosition Start => start;

    /// <summary>Expected and found; null when there is none.</summary>
    public string? Difference { get; protected set; }

    /// <summary>What kept it from being compared; null when nothing did.</summary>
    public string? Obstacle { get; protected set; }

    /// <summary>The log was truncated above its start.</summary>
    public bool IsOlder { get; private set; }

    /// <summary>All of its stretch has been seen.</summary>
    protected abstract bool IsEnded { get; }

    /// <summary>What lies below <paramref name="from"/> and was not seen yet is not to be had.</summary>
    /// <param name="problem">Why not; null where it was truncated.</param>
    public void Miss(LogPosition from, string? problem)
    {
        if (!IsEnded && Obstacle is null && start < from)
        {
            (IsOlder, Obstacle) = (problem is null, problem ?? "the log no longer holds it");
        }
    }

    /// <summary>The log has been read.</summary>
    public abstract void Conclude();

    /// <summary>Whether the catalogue still says what was compared; else it changed meanwhile, and nothing is wrong.</summary>
    public abstract bool IsStill(CatalogSnapshot now);
}
