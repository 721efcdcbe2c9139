using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>
/// Reads a segment that was written under a lock: no block is handed out that the lock's record, or the segment's decided end, does not
/// cover, for nothing keeps an older writer from putting more. What is covered and absent is damage, never "not yet" (W16). Metadata is asked
/// at first, when a block is found that is not covered, when the caller knows more to be confirmed, and then as rarely as by any reader that waits.
/// </summary>
/// <param name="restBetweenLooks">Metadata is not asked sooner without a reason.</param>
internal sealed class LockedSegmentReader(ObjectSegmentReader objects, LogMetadata metadata, string log, LogSegmentRecord segment, TimeSpan restBetweenLooks, TimeProvider time) : ISegmentReader
{
    private LogPosition _known = segment.State == LogSegmentState.Active ? LogPosition.Beginning : segment.End;
    private bool _isEnded = segment.State != LogSegmentState.Active;
    private bool _hasAsked = segment.State != LogSegmentState.Active;
    private BlockRead? _held;
    private LogPosition _heard;
    private long _asked = time.GetTimestamp();

    public long BlockNumber => objects.BlockNumber;

    public long NextEntry => objects.NextEntry;

    public void Hear(LogPosition confirmed)
    {
        _heard = confirmed;
        objects.Hear(confirmed);
    }

    public async ValueTask<BlockRead> NextAsync(long fromEntry, CancellationToken ct)
    {
        if (!_hasAsked)
        {
            await AskAsync(ct);
            _hasAsked = true;
        }

        while (true)
        {
            var next = new LogPosition(segment.Number, _held?.Header.FirstEntry ?? objects.NextEntry);
            if (_isEnded && next >= _known)
            {
                return new(BlockReadKind.Footer, EncodedBlock.Footer(segment.Number, _known.Entry, segment.Epoch, _known), null, objects.Where());
            }

            var isNew = _held is null;
            var read = _held ?? await objects.NextAsync(fromEntry, ct);
            if (read.Kind is BlockReadKind.Block or BlockReadKind.Skipped && read.Header.End <= _known)
            {
                _held = null;
                return read with { Header = read.Header with { Confirmed = _known } };
            }

            if (read.Kind is BlockReadKind.Block or BlockReadKind.Skipped)
            {
                _held = read;
                if (await AskAsync(isNew || read.Header.First < _heard, ct) && read.Header.End <= _known)
                {
                    continue;
                }

                return read.Header.FirstEntry < _known.Entry && _known.Segment == segment.Number
                    ? throw Damaged(read.Where, read.Header.FirstEntry, $"a block up to {read.Header.EndEntry} across it")
                    : new(BlockReadKind.NotYet, read.Header with { Confirmed = _known }, null, read.Where);
            }

            if (read.Kind == BlockReadKind.Footer)
            {
                return read; // of the segment's own writer, which puts it when all before it has been confirmed
            }

            next = new LogPosition(segment.Number, objects.NextEntry);
            if (next < _known && _known.Segment == segment.Number)
            {
                throw Damaged(read.Where, next.Entry, read.Kind == BlockReadKind.NotYet ? "no object" : "damaged bytes");
            }

            if (await AskAsync(next < _heard, ct) && next < _known)
            {
                continue; // what was confirmed had been put before: look again
            }

            return read with { Header = read.Header with { Confirmed = _known } };
        }
    }

    public async ValueTask<LogPosition> FindConfirmedAheadAsync(CancellationToken ct)
    {
        await AskAsync(ct);
        return _known;
    }

    public ValueTask DisposeAsync() => objects.DisposeAsync();

    /// <summary>At once for a block that is new here or known elsewhere to be confirmed, else so long after the last time; false when nobody was asked.</summary>
    private async ValueTask<bool> AskAsync(bool isNews, CancellationToken ct)
    {
        if (_isEnded || (!isNews && time.GetElapsedTime(_asked) < restBetweenLooks))
        {
            return false;
        }

        await AskAsync(ct);
        return true;
    }

    private async ValueTask AskAsync(CancellationToken ct)
    {
        if (_isEnded)
        {
            return;
        }

        _asked = time.GetTimestamp();
        var lockRecord = (await metadata.FindLockAsync(log, ct))?.Record;
        if (lockRecord is not null && lockRecord.Segment == segment.Number)
        {
            _known = lockRecord.Confirmed > _known ? lockRecord.Confirmed : _known;
        }

        // It is decided before anything of a later segment is confirmed (W15), and perhaps before that.
        if (await metadata.FindSegmentAsync(log, segment.Number, ct) is { Record.State: not LogSegmentState.Active } decided)
        {
            (_known, _isEnded) = (decided.Record.End, true);
        }
    }

    private MiniMilvusException Damaged(string where, long entry, string found) => MiniMilvusException.Corrupted(
        $"{where}: expected entry {entry} in a block that verifies, found {found}; entries below {_known} are confirmed by the lock (log '{log}')");
}
