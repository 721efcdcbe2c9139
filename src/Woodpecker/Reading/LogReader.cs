using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Reading;

/// <summary>
/// One reading of a log. It begins at or above the truncation point; when that passes it, it reads on, for what it has yet to read is kept as long
/// as it stands there (W12), and is told "truncated" where nothing is left. At the tail of a writer in this process blocks come from memory, woken by the ack; otherwise from the backend.
/// When the writer is elsewhere, what is confirmed is learnt from the blocks themselves, from the metadata and from the caller's end.
/// </summary>
internal sealed class LogReader(string log, ILogBackend backend, LogMetadata metadata, LocalLogs logs, ReaderLeases leases, WoodpeckerOptions options, TimeProvider time) : IAsyncDisposable
{
    private SegmentCursor? _cursor;
    private LogTail? _tail;
    private LogPosition _position;
    private LogPosition _confirmed;
    private TimeSpan _pause;
    private TimeSpan _waited;
    private bool _isAtTail;
    private bool _isHeld;

    /// <summary>The segment this reader stands in; its file is not collected (W12).</summary>
    public long Segment => Volatile.Read(ref _segment);

    /// <summary>The segment whose sealed form this reader reads; −1 when it reads none.</summary>
    public long SealedSegment => Volatile.Read(ref _sealedSegment);

    private long _segment;
    private long _sealedSegment = -1;

    public async IAsyncEnumerable<LogEntry> ReadAsync(LogPosition from, LogPosition until, [EnumeratorCancellation] CancellationToken ct)
    {
        logs.AddReader(log, this);
        try
        {
            await BeginAsync(from, ct);
            if (logs.TailOf(log) is null)
            {
                // Held first, then looked at: who collects looks the other way round (W12).
                await HoldAsync(ct);
                await BeginAsync(from, ct);
            }

            // An end that a caller names is one that it knows to be confirmed; without an end there is nothing to trust.
            var trusted = until == LogPosition.Max ? LogPosition.Beginning : until;
            while (_position < until)
            {
                if (await NextAsync(trusted, ct) is not { } block)
                {
                    continue;
                }

                for (var i = (int)Math.Max(0, block.First.Segment == _position.Segment ? _position.Entry - block.First.Entry : 0); i < block.Header.EntryCount; i++)
                {
                    var entry = block[i];
                    if (entry.Position >= until)
                    {
                        yield break;
                    }

                    yield return entry;
                }

                MoveTo(block.End);
            }
        }
        finally
        {
            logs.RemoveReader(log, this);
            await DisposeAsync();
        }
    }

    private async ValueTask BeginAsync(LogPosition from, CancellationToken ct)
    {
        var record = (await metadata.GetLogAsync(log, ct)).Record;
        if (from < record.TruncatedUntil && from != LogPosition.Beginning)
        {
            throw Truncated(from, record);
        }

        MoveTo(from == LogPosition.Beginning ? record.TruncatedUntil : from);
    }

    /// <summary>Tells collectors elsewhere. Where the log is written here, whoever collects it is here too.</summary>
    private async ValueTask HoldAsync(CancellationToken ct)
    {
        await leases.HoldAsync(log, Segment, ct);
        _isHeld = true;
    }

    public async ValueTask DisposeAsync()
    {
        _tail?.RemoveReader();
        _tail = null;
        await CloseAsync();
    }

    private async ValueTask CloseAsync()
    {
        Volatile.Write(ref _sealedSegment, -1);
        if (_cursor is { } cursor)
        {
            _cursor = null;
            await cursor.DisposeAsync();
        }
    }

    /// <summary>The next block, or null after a step that brought it nearer (a wait, or the move to another segment).</summary>
    private async ValueTask<DecodedBlock?> NextAsync(LogPosition trusted, CancellationToken ct)
    {
        var tail = FollowTail();
        if (tail is null && !_isHeld)
        {
            await HoldAsync(ct);
        }

        if (tail is null)
        {
            return await NextFromSegmentAsync(null, trusted, ct);
        }

        _isHeld = false; // the leases are not renewed while the writer is here
        var moved = tail.Moved;
        _confirmed = tail.Confirmed;
        if (tail.IsClosed)
        {
            return await NextFromSegmentAsync(null, trusted, ct);
        }

        if (tail.Find(_position) is { } block)
        {
            logs.Reads.Tail();
            _isAtTail = true;
            return block;
        }

        if (_position >= _confirmed)
        {
            _cursor?.Rest(); // what comes now comes from memory
            await moved.WaitAsync(ct);
            return null;
        }

        return await NextFromSegmentAsync(tail, LogPosition.Beginning, ct);
    }

    private LogTail? FollowTail()
    {
        var tail = logs.TailOf(log);
        if (tail != _tail)
        {
            _tail?.RemoveReader();
            tail?.AddReader();
            _tail = tail;
        }

        return tail;
    }

    private async ValueTask<DecodedBlock?> NextFromSegmentAsync(LogTail? tail, LogPosition trusted, CancellationToken ct)
    {
        var confirmed = _confirmed;
        if (_cursor is { } stale && (stale.Number != _position.Segment || (!stale.IsSealedForm && logs.IsSealed(log, stale.Number))))
        {
            await CloseAsync();
        }

        if (_cursor is null && !await OpenAsync(ct))
        {
            return null;
        }

        var cursor = _cursor!;
        if (cursor.Record.State == LogSegmentState.Active && (cursor.SawFooter || (tail is not null && confirmed.Segment > cursor.Number)))
        {
            await LookAtMetadataAsync(cursor, ct);
        }

        if (cursor.Record.State != LogSegmentState.Active && _position >= cursor.Record.End)
        {
            MoveTo(new LogPosition(cursor.Number + 1, 0));
            return null;
        }

        if (await ReadAsync(cursor, confirmed, trusted, ct) is { } block)
        {
            (_pause, _waited) = (TimeSpan.Zero, TimeSpan.Zero);
            logs.Reads.Segment(_isAtTail && tail is not null);
            _isAtTail = false;
            if (cursor.Record.State == LogSegmentState.Active || block.End <= cursor.Record.End)
            {
                return block;
            }

            throw MiniMilvusException.Corrupted($"log '{log}', segment {cursor.Number}: expected its end at entry {cursor.Record.End.Entry}, found a block of entries {block.First.Entry} to {block.End.Entry - 1} across it");
        }

        if (_cursor is null)
        {
            return null; // the segment has taken another form
        }

        if (cursor.Record.State == LogSegmentState.Active && !(tail is not null && _position < confirmed && !cursor.SawFooter))
        {
            await WaitElsewhereAsync(cursor, trusted, ct);
        }
        else if (cursor.Record.State != LogSegmentState.Active)
        {
            throw MiniMilvusException.Corrupted($"log '{log}', segment {cursor.Number}: expected entries up to {cursor.Record.LastEntry}, found a footer at {_position.Entry}");
        }

        return null;
    }

    private async ValueTask<DecodedBlock?> ReadAsync(SegmentCursor cursor, LogPosition confirmed, LogPosition trusted, CancellationToken ct)
    {
        try
        {
            return await cursor.NextAsync(_position, confirmed, trusted, ct);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
        {
            if (await LeaveSweptAsync(cursor, ct))
            {
                return null;
            }

            throw;
        }
    }

    /// <summary>Whether what seems damaged went because the segment was sealed: all of it is there, in another form, truncated or not. What was collected under our feet is gone.</summary>
    private async ValueTask<bool> LeaveSweptAsync(SegmentCursor cursor, CancellationToken ct)
    {
        if (!cursor.IsSealedForm && await metadata.FindSegmentAsync(log, cursor.Number, ct) is { Record.SealedAs: not null })
        {
            await CloseAsync();
            return true;
        }

        await RequireNotTruncatedAsync(ct);
        return false;
    }

    /// <summary>False after a step that brought it nearer.</summary>
    private async ValueTask<bool> OpenAsync(CancellationToken ct)
    {
        var number = _position.Segment;
        if (await metadata.FindSegmentAsync(log, number, ct) is not { } found)
        {
            await NoSegmentAsync(number, ct);
            return false;
        }

        if (found.Record.State != LogSegmentState.Active && _position >= found.Record.End)
        {
            MoveTo(new LogPosition(number + 1, 0)); // also an empty segment, whose file a crash may have kept from being made
            return false;
        }

        if (await backend.OpenSegmentAsync(log, found.Record, ct) is { } reader)
        {
            _cursor = new SegmentCursor(log, found.Record, reader);
            Volatile.Write(ref _sealedSegment, _cursor.IsSealedForm ? number : -1);
            if (!_cursor.IsSealedForm)
            {
                logs.Swept(log, number); // what was said of a segment of that number in another life of the log
            }

            return true;
        }

        await RequireNotTruncatedAsync(ct);
        if (found.Record.State != LogSegmentState.Active)
        {
            throw MiniMilvusException.Corrupted($"log '{log}', segment {number}: expected entries up to {found.Record.LastEntry}, found no file");
        }

        await PauseAsync(ct);
        return false;
    }

    private async ValueTask NoSegmentAsync(long number, CancellationToken ct)
    {
        await RequireNotTruncatedAsync(ct);
        var newer = (await metadata.ListSegmentsAsync(log, ct)).Any(s => s.Record.Number > number);
        if (newer && (await metadata.GetLogAsync(log, ct)).Record.TruncatedUntil.Segment == number)
        {
            // The truncation point is this segment's end, and the segment has been collected: what follows is in the next.
            MoveTo(new LogPosition(number + 1, 0));
            return;
        }

        if (newer)
        {
            await RequireNotTruncatedAsync(ct);
            throw MiniMilvusException.Corrupted($"log '{log}': segment {number} has no metadata, though newer segments have");
        }

        // It is born in metadata first and then gets its file: looking for the file spares the metadata.
        for (_waited = TimeSpan.Zero; _waited < TimeToMetadataLook && logs.TailOf(log) is null;)
        {
            await PauseAsync(ct);
            if (await backend.SegmentExistsAsync(log, number, ct))
            {
                return;
            }
        }

        await PauseAsync(ct);
    }

    private async ValueTask WaitElsewhereAsync(SegmentCursor cursor, LogPosition trusted, CancellationToken ct)
    {
        await PauseAsync(ct);
        if (_waited >= TimeToMetadataLook)
        {
            _waited = TimeSpan.Zero;
            await LookAtMetadataAsync(cursor, ct);
            if (cursor.Record.State == LogSegmentState.Active)
            {
                await RequireNotDamagedAsync(cursor, trusted, ct);
            }
        }
    }

    private async ValueTask RequireNotDamagedAsync(SegmentCursor cursor, LogPosition trusted, CancellationToken ct)
    {
        try
        {
            await cursor.RequireNotDamagedAsync(_position, trusted, ct);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
        {
            if (!await LeaveSweptAsync(cursor, ct))
            {
                throw;
            }
        }
    }

    private async ValueTask LookAtMetadataAsync(SegmentCursor cursor, CancellationToken ct)
    {
        if (await metadata.FindSegmentAsync(log, cursor.Number, ct) is { } found)
        {
            cursor.Update(found.Record);
            return;
        }

        await RequireNotTruncatedAsync(ct);
        throw MiniMilvusException.Corrupted($"log '{log}': segment {cursor.Number} has lost its metadata");
    }

    private async ValueTask RequireNotTruncatedAsync(CancellationToken ct)
    {
        var record = (await metadata.GetLogAsync(log, ct)).Record;
        if (_position < record.TruncatedUntil)
        {
            throw Truncated(_position, record);
        }
    }

    private TimeSpan TimeToMetadataLook => options.ForeignPollInterval * options.ForeignPollsPerMetadataLook;

    /// <summary>Twice as long each time, up to a bound, until something is found: a log that rests is hardly asked.</summary>
    private async Task PauseAsync(CancellationToken ct)
    {
        _pause = _pause == TimeSpan.Zero ? options.ForeignPollInterval : TimeSpan.FromTicks(Math.Min(2 * _pause.Ticks, options.ForeignPollIntervalMax.Ticks));
        await logs.PauseAsync(_pause, time, ct);
        _waited += _pause;
    }

    private void MoveTo(LogPosition position)
    {
        _pause = position.Segment == Segment ? _pause : TimeSpan.Zero; // another segment: more may lie there
        _position = position;
        Volatile.Write(ref _segment, position.Segment);
    }

    private MiniMilvusException Truncated(LogPosition position, LogRecord record) => MiniMilvusException.NotFound(
        ErrorReason.Unspecified, $"log '{log}': position {position} was truncated; the first that remains is {record.TruncatedUntil}");
}
