using System.Collections.Immutable;
using MiniMilvus.Core.Time;
using MiniMilvus.QueryNode.Growing;
using MiniMilvus.QueryNode.Sealed;
using MiniMilvus.QueryNode.Segments;

namespace MiniMilvus.QueryNode.Channels;

/// <summary>
/// What a search of a shard sees: exactly one of growing and sealed for a segment id (Q2). Immutable; a search that holds it keeps its
/// segments alive, whatever is handed off or released meanwhile (Q4).
/// </summary>
internal sealed record ShardSnapshot(ImmutableArray<GrowingSegment> Growing, ImmutableArray<SealedSegment> Sealed)
{
    public static readonly ShardSnapshot Empty = new([], []);

    /// <summary>Rows deleted at or below this may be gone from the segments for good: no read below it may use them (Q7).</summary>
    public Timestamp Horizon { get; init; }

    public IEnumerable<Segment> Segments => Sealed.CastArray<Segment>().Concat(Growing);
}
