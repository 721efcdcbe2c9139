using System.Collections.Immutable;

namespace MiniMilvus.Storage.Meta;

/// <summary>
/// A change of the metadata after its conditions were checked: what the journal stores and what <see cref="MetaState"/> applies.
/// <see cref="Sequence"/> counts records, <see cref="Revision"/> is the store's revision after this one.
/// </summary>
internal abstract record MetaRecord(long Sequence, long Revision)
{
    internal sealed record Write(long Sequence, long Revision, ImmutableArray<MetaOperation> Operations) : MetaRecord(Sequence, Revision);

    /// <summary>A new lease; its id is the record's sequence, so no id is ever given twice.</summary>
    internal sealed record Grant(long Sequence, long Revision, TimeSpan TimeToLive) : MetaRecord(Sequence, Revision);

    internal sealed record Revoke(long Sequence, long Revision, long Lease) : MetaRecord(Sequence, Revision);
}
