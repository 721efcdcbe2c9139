using System.Collections.Immutable;
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

    public IEnumerable<Segment> Segments => Sealed.CastArray<Segment>().Concat(Growing);
}
