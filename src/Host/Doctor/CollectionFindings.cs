using MiniMilvus.Woodpecker;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Doctor;

/// <summary>What keeps truncated segments of a log from being collected (W12): the retention time, a reader, or nobody who collects.</summary>
internal static class CollectionFindings
{
    /// <summary>A collector that works is this soon after the retention time, however many segments it has to go through.</summary>
    private static readonly TimeSpan Overdue = TimeSpan.FromMinutes(10);

    /// <summary>Null when nothing waits.</summary>
    public static Finding? Of(LogInspection log, WoodpeckerOptions options, bool isUp, DateTimeOffset now)
    {
        var waiting = log.Segments.Where(s => s.TruncatedAt is not null).OrderBy(s => s.Number).ToList();
        if (waiting.Count == 0)
        {
            return null;
        }

        var what = $"collection of {log.Name}";
        var found = FormattableString.Invariant($"{waiting.Count} truncated segments, {FindingText.Bytes(waiting.Sum(s => s.FileBytes ?? 0))}, the oldest ({waiting[0].Number})");
        var due = waiting[0].TruncatedAt!.Value + options.RetentionTime;
        if (due > now)
        {
            return Finding.Ok(what, FormattableString.Invariant($"{found} is retained until {due.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z"));
        }

        var since = FormattableString.Invariant($"{found} is due since {due.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z");
        var readers = log.Readers.Where(r => r.Segment <= waiting[0].Number).Select(r => FormattableString.Invariant($"process {r.Process}, which reads from segment {r.Segment}")).ToList();
        var held = readers.Count > 0 ? $"held by {string.Join(", ", readers)}" : "a reading under way in its owner's process, or the collector has not come to it yet";
        return !isUp
            ? Finding.Ok(what, $"{since}; no server runs, the next owner of the log collects it")
            : now - due < Overdue
                ? Finding.Ok(what, $"{since}: {held}")
                : readers.Count > 0
                    ? Finding.Warning(what, $"{since}: {held}", "collected soon after the retention time", "see why that process reads so slowly; when it has ended its lease runs out")
                    : Finding.Warning(what, since, "collected soon after the retention time", "see its owner's log and minimilvus_woodpecker_gc_failed_logs in /metrics: a reading that does not end, or a store that fails");
    }
}
