using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>
/// The keys of a segment's blocks. Under a lock they carry the term, and what tells the taking of its lock from all others: a put that an older writer
/// left on its way, in this life of the log's name or an earlier one, lands under a key that nobody reads.
/// </summary>
internal readonly record struct BlockKeys(string Log, long Segment, long Epoch, long? LockRevision)
{
    public static BlockKeys Of(string log, LogSegmentRecord segment) => new(log, segment.Number, segment.Epoch, segment.LockRevision);

    public string this[long number] => LockRevision is { } revision
        ? ObjectPaths.LockedBlock(Log, Segment, number, Epoch, revision)
        : ObjectPaths.Block(Log, Segment, number);
}
