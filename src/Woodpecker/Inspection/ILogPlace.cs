using MiniMilvus.Core;

namespace MiniMilvus.Woodpecker.Inspection;

/// <summary>Where logs' bytes lie, as an inspection looks at them: a folder or a bucket. Nothing here writes. Errors: Unavailable.</summary>
internal interface ILogPlace
{
    /// <summary>What a segment is kept in, for messages: "a file".</summary>
    string Kept { get; }

    /// <summary>Names of the logs that anything is kept of.</summary>
    ValueTask<IReadOnlyCollection<string>> ListAsync(CancellationToken ct);

    /// <summary>Bytes kept of each segment, by its number; null when nothing is kept of the log.</summary>
    ValueTask<SortedDictionary<long, long>?> SegmentsAsync(string log, CancellationToken ct);

    /// <summary>Null when nothing is kept of the segment.</summary>
    ValueTask<ISegmentScan?> OpenAsync(string log, long segment, ScanRequest request, CancellationToken ct);

    /// <summary>The highest position that the segment's blocks say was confirmed; Beginning when they say nothing.</summary>
    ValueTask<LogPosition> ClaimAsync(string log, long segment, CancellationToken ct);

    /// <summary>What is wrong with the log's fence, where it lies beside the segments; null when nothing is.</summary>
    ValueTask<string?> FindFenceProblemAsync(string log, CancellationToken ct);
}

/// <param name="Known">What is known to have been confirmed, exclusive.</param>
/// <param name="IsFinished">The segment has an end, so a footer is missed where there is none.</param>
/// <param name="Payloads">False reads headers only.</param>
/// <param name="IsKnown">Metadata knows the segment.</param>
/// <param name="SealedAs">The name of the sealed form that metadata gives it; null when it gives none.</param>
internal readonly record struct ScanRequest(LogPosition Known, bool IsFinished, bool Payloads, bool IsKnown, string? SealedAs);

/// <summary>All blocks of one segment, past damage too. What does not verify is judged as recovery and readers judge it (W16).</summary>
internal interface ISegmentScan : IAsyncDisposable
{
    IAsyncEnumerable<BlockInspection> ReadAsync(CancellationToken ct);
}
