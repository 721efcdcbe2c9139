using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>
/// The fence where the store has none (docs/decisions/0008-etcd-lock.md): first the lock is taken, and no older writer confirms any more;
/// then what it had confirmed is read from the lock, and that is the segment's end. What it put beyond was never acked, and stays unread.
/// </summary>
internal sealed class LockFence(BlockObjects objects, LogMetadata metadata, Func<LogSegmentRecord, string, ObjectSegmentReader> newReader)
{
    public async ValueTask<IEpochGuard> FenceAsync(string log, Term epoch, CancellationToken ct) => new LockGuard(metadata, log, await metadata.TakeLockAsync(log, epoch, ct));

    /// <summary>The confirmed end of an unfinished segment, when everything below it is there and verifies.</summary>
    public async ValueTask<long> RecoverSegmentAsync(string log, LogSegmentRecord segment, Term epoch, IEpochGuard guard, CancellationToken ct)
    {
        if (segment.LockRevision is null)
        {
            throw Mixed(log, segment.Number, "under a lock, as this process does", "by conditional puts");
        }

        if (await metadata.FindLockAsync(log, ct) is not { } found || found.Record.Epoch != epoch.Value)
        {
            throw MiniMilvusException.Fenced($"log '{log}': expected its lock to be held in term {epoch}, found it taken or removed");
        }

        var confirmed = found.Record.Confirmed;
        if (confirmed.Segment > segment.Number)
        {
            throw MiniMilvusException.Corrupted($"log '{log}', segment {segment.Number}: expected its end to be decided, for entries below {confirmed} are confirmed by the lock; metadata says {segment.State}");
        }

        var (end, blocks) = confirmed.Segment == segment.Number ? (confirmed.Entry, found.Record.Blocks) : (0, 0);
        await RequireWholeAsync(log, segment, end, blocks, ct);

        // For who has no metadata at hand; under a key of this term, for nothing keeps the older writer's own from being put any time.
        var footer = EncodedBlock.Footer(segment.Number, end, epoch.Value, new LogPosition(segment.Number, end));
        var keys = new BlockKeys(log, segment.Number, epoch.Value, guard.LockRevision);
        await objects.PutAsync(keys[blocks], BlockObjects.Encode(footer, log, blocks), ct);
        return end;
    }

    public static MiniMilvusException Mixed(string log, long segment, string expected, string found) => MiniMilvusException.Invalid(
        ErrorReason.NotSupported, $"log '{log}', segment {segment}: expected it to be written {expected}, found it written {found}: the two do not shut each other out. Use the object store that the log was begun on");

    /// <summary>An object that is missing or damaged below what was confirmed is corruption, never the end (W16).</summary>
    private async ValueTask RequireWholeAsync(string log, LogSegmentRecord segment, long end, long blocks, CancellationToken ct)
    {
        await using var reader = newReader(segment, log);
        while (reader.NextEntry < end)
        {
            var read = await reader.NextAsync(0, ct);
            if (read.Kind is not (BlockReadKind.Block or BlockReadKind.Skipped))
            {
                throw MiniMilvusException.Corrupted(
                    $"{read.Where}: expected entry {reader.NextEntry} in a block that verifies, found {(read.Kind == BlockReadKind.NotYet ? "no object" : read.Kind == BlockReadKind.Footer ? "a footer" : "damaged bytes")}; entries below {segment.Number}/{end}, in {blocks} blocks, are confirmed by the lock");
            }
        }

        if (reader.NextEntry != end || reader.BlockNumber != blocks)
        {
            throw MiniMilvusException.Corrupted($"log '{log}', segment {segment.Number}: expected entry {end} to begin block {blocks}, as the lock says, found entry {reader.NextEntry} at block {reader.BlockNumber}");
        }
    }
}
