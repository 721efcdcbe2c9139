using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Woodpecker.Compaction;

/// <summary>What compaction has done in this process, and what keeps it.</summary>
/// <param name="Sealed">Segments sealed.</param>
/// <param name="Swept">Sealed segments whose small blocks were deleted.</param>
/// <param name="Waiting">Sealed segments whose small blocks are still there: the grace has not passed, or a reader stands in them.</param>
/// <param name="Failures">Tries that ended in an error.</param>
/// <param name="LastFailure">What the last of them said; null when a later try of the same log came through, or there was none.</param>
/// <param name="Damaged">Segments that are not sealed because something in them is damaged; this stays until the log is opened again.</param>
/// <param name="Stopped">Why compaction has stopped for good in this process; null when it has not.</param>
/// <param name="Requests">Its requests to the store, failed ones too.</param>
public sealed record CompactionStatus(
    long Sealed, long Swept, int Waiting, long Failures, string? LastFailure, IReadOnlyList<string> Damaged, string? Stopped, ObjectRequestTotals Requests);
