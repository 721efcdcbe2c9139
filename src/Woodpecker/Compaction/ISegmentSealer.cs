using MiniMilvus.Core;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Compaction;

/// <summary>Makes the sealed form of a segment and clears away what it was made of. What is decided, and when, is the loop's.</summary>
internal interface ISegmentSealer
{
    /// <summary>
    /// Writes the whole form under a name of its own; when it returns all of 0..last is durable there, footer last (W7). May be done again.
    /// Errors: Corrupted when a block of the segment is missing or does not verify, Unavailable.
    /// </summary>
    ValueTask WriteAsync(string log, LogSegmentRecord completed, Term epoch, string name, CancellationToken ct);

    /// <summary>Deletes everything of the segment but that form. May be done again.</summary>
    ValueTask SweepAsync(string log, long segment, string name, CancellationToken ct);

    /// <summary>Deletes a form that is not to be.</summary>
    ValueTask DropAsync(string log, long segment, string name, CancellationToken ct);
}
