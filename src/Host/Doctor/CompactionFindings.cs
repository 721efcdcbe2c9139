using MiniMilvus.Woodpecker;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Doctor;

/// <summary>How far the finished segments of a log on object storage have come on their way to few large objects (W7, W8), and what was passed over.</summary>
internal static class CompactionFindings
{
    /// <summary>Null when no segment that remains has ended.</summary>
    public static Finding? Of(LogInspection log, WoodpeckerOptions options)
    {
        var ended = log.Segments.Where(s => s.State is "Completed" or "Sealed").OrderBy(s => s.Number).ToList();
        if (ended.Count == 0)
        {
            return null;
        }

        var what = $"compaction of {log.Name}";
        var sealedOnes = ended.Where(s => s.SealedAs is not null).ToList();
        var open = ended.Where(s => s.SealedAs is null).ToList();
        var unswept = sealedOnes.Count(s => !s.IsSwept);
        var found = FormattableString.Invariant($"{sealedOnes.Count} segments sealed, {unswept} of them with their small blocks still there, {open.Count} finished and not sealed");

        // They are sealed in their order; one is passed over only when something in it does not verify.
        var passed = open.FirstOrDefault(s => sealedOnes.Any(other => other.Number > s.Number));
        return passed is not null
            ? Finding.Warning(what, $"{found}, of which {passed.Number} was passed over", "all before the last one sealed", "run minimilvus verify: something in that segment is missing or damaged, or was when its log was opened")
            : Finding.Ok(what, options.CompactsSegments ? found : $"{found}; compaction is off");
    }
}
