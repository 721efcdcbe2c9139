using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Reading;

/// <summary>
/// A reader's place in one log segment: what the backend holds, against what is known to be confirmed. Here the five answers of a read are
/// told apart (W10): a block, the end of the segment, "not yet", corruption; truncation is found when the segment is opened.
/// </summary>
internal sealed class SegmentCursor(string log, LogSegmentRecord record, ISegmentReader reader) : IAsyncDisposable
{
    /// <summary>Blocks read before anything said that they are confirmed; at most what a writer has on its way at once.</summary>
    private readonly Queue<DecodedBlock> _unconfirmed = new();
    private LogPosition _confirmed;
    private int _quietLooks;

    public long Number => Record.Number;

    /// <summary>It reads the sealed form: what the record said when it was opened.</summary>
    public bool IsSealedForm { get; } = record.SealedAs is not null;

    public LogSegmentRecord Record { get; private set; } = record;

    /// <summary>The footer has been seen: metadata has, or soon will have, the end.</summary>
    public bool SawFooter { get; private set; }

    public void Update(LogSegmentRecord next) => Record = next;

    /// <summary>
    /// The confirmed block that holds <paramref name="position"/>; null when it is not there yet. <paramref name="confirmed"/> is what the
    /// writer or metadata says, taken before this call; <paramref name="trusted"/> is what the caller says.
    /// </summary>
    public async ValueTask<DecodedBlock?> NextAsync(LogPosition position, LogPosition confirmed, LogPosition trusted, CancellationToken ct)
    {
        Raise(confirmed);
        if (Record.State != LogSegmentState.Active)
        {
            Raise(Record.End);
        }

        while (true)
        {
            while (_unconfirmed.TryPeek(out var block))
            {
                if (block.End > position)
                {
                    if (block.End > _confirmed && block.First >= trusted)
                    {
                        break;
                    }

                    return block;
                }

                _unconfirmed.Dequeue();
            }

            if (SawFooter)
            {
                return null;
            }

            reader.Hear(_confirmed);
            var read = await reader.NextAsync(position.Entry, ct);
            switch (read.Kind)
            {
                case BlockReadKind.Block:
                    Raise(read.Header.Confirmed);
                    _unconfirmed.Enqueue(read.Block!);
                    _quietLooks = 0;
                    break;
                case BlockReadKind.Skipped:
                    Raise(read.Header.Confirmed);
                    break;
                case BlockReadKind.Footer:
                    // Whoever writes a footer has made everything before it durable and acked, or kept it in recovery.
                    Raise(read.Header.First);
                    SawFooter = true;
                    break;
                case BlockReadKind.NotYet or BlockReadKind.Bad:
                    var next = _unconfirmed.Count > 0 ? _unconfirmed.Last().End : position;
                    return next < _confirmed && next.Segment == Number ? throw Damaged(read, next, _confirmed) : null;
                default:
                    throw MiniMilvusException.Internal($"unknown kind of block {read.Kind}");
            }
        }
    }

    /// <summary>Told apart from "not yet" by what lies behind it, or by a caller who knows it to be confirmed.</summary>
    public async ValueTask RequireNotDamagedAsync(LogPosition position, LogPosition trusted, CancellationToken ct)
    {
        if (SawFooter)
        {
            return;
        }

        for (var known = trusted; ;)
        {
            var read = await reader.NextAsync(position.Entry, ct);
            if (read.Kind == BlockReadKind.Block)
            {
                _unconfirmed.Enqueue(read.Block!);
                Raise(read.Header.Confirmed);
            }

            if (read.Kind == BlockReadKind.NotYet)
            {
                await RequireNotLostAsync(position, trusted, ct);
                return;
            }

            if (read.Kind != BlockReadKind.Bad)
            {
                return;
            }

            var next = _unconfirmed.Count > 0 ? _unconfirmed.Last().End : position;
            if (next < known)
            {
                throw Damaged(read, next, known);
            }

            known = await reader.FindConfirmedAheadAsync(ct);
            if (next >= known)
            {
                return;
            }

            // What confirms it was read after it, and it may have been completed in between: whoever confirms comes later than the bytes.
        }
    }

    /// <summary>What is not there is damage too when something vouches for it. That costs a request, so who waits asks ever more rarely.</summary>
    private async ValueTask RequireNotLostAsync(LogPosition position, LogPosition trusted, CancellationToken ct)
    {
        if (!int.IsPow2(++_quietLooks) || await reader.FindConfirmedBehindAsync(ct) is not { } known)
        {
            return;
        }

        known = trusted.Segment == Number && trusted > known ? trusted : known;
        var next = _unconfirmed.Count > 0 ? _unconfirmed.Last().End : position;
        if (next >= known)
        {
            return;
        }

        // What confirms it was put after it: it may have come since the look at it.
        var read = await reader.NextAsync(position.Entry, ct);
        if (read.Kind == BlockReadKind.NotYet)
        {
            throw Damaged(read, next, known);
        }

        if (read.Kind == BlockReadKind.Block)
        {
            _unconfirmed.Enqueue(read.Block!);
            Raise(read.Header.Confirmed);
        }
    }

    public void Rest() => reader.Rest();

    public ValueTask DisposeAsync() => reader.DisposeAsync();

    private void Raise(LogPosition confirmed) => _confirmed = confirmed > _confirmed ? confirmed : _confirmed;

    private MiniMilvusException Damaged(BlockRead read, LogPosition position, LogPosition confirmed) => MiniMilvusException.Corrupted(
        $"{read.Where}: expected entry {position.Entry} in a block that verifies, found {(read.Kind == BlockReadKind.NotYet ? "nothing" : "damaged bytes")}; entries below {confirmed} are confirmed (log '{log}')");
}
