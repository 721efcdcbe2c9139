using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Time;
using MiniMilvus.Woodpecker;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Verifying;

/// <summary>What a replay comes to: a message, or a place where it begins anew.</summary>
/// <param name="Message">With the tick of its commit; null at a beginning.</param>
/// <param name="From">Of a beginning: what lies between the last message and here is not to be had.</param>
/// <param name="Problem">Why it is not; null where it was truncated.</param>
internal readonly record struct Replayed(LogMessage? Message, LogPosition From, string? Problem);

/// <summary>
/// A stored log's messages as its consumers had them: transactions whole, at the tick of their commit, what was rolled back never (S10). It reads
/// through the inspection, so beside the log's writer or without one, and goes on behind damage, which it names. Holds one block and one transaction.
/// It shares no code with the readers of the roles, so that a mistake there does not hide itself here.
/// </summary>
internal sealed class LogReplay(LogInspector inspector, LogInspection log)
{
    private readonly List<LogMessage> _transaction = [];
    private LogMessage? _begin;
    private LogPosition _next;
    private Timestamp _last;
    private string? _problem;
    private bool _isLost = true;

    /// <summary>From the first place at or above <paramref name="from"/> where no transaction is open, to the first at or above <paramref name="until"/>, or to the log's end.</summary>
    public async IAsyncEnumerable<Replayed> ReadAsync(LogPosition from, LogPosition until, [EnumeratorCancellation] CancellationToken ct)
    {
        _next = from;
        var delivered = new List<Replayed>();
        await foreach (var entry in EntriesAsync(from, ct))
        {
            Take(entry, delivered);
            foreach (var replayed in delivered)
            {
                yield return replayed;
            }

            delivered.Clear();
            if (_next >= until && _begin is null)
            {
                break;
            }
        }

        if (_problem is { } problem)
        {
            yield return new Replayed(null, LogPosition.Max, problem);
        }
    }

    private async IAsyncEnumerable<LogEntry> EntriesAsync(LogPosition from, [EnumeratorCancellation] CancellationToken ct)
    {
        var expected = (long?)null;
        foreach (var segment in log.Segments.Where(s => s.Number >= from.Segment && !(s.End <= from)))
        {
            if (segment.Number != (expected ?? segment.Number))
            {
                Lose($"log '{log.Name}': expected segment {expected}, found segment {segment.Number}");
            }

            expected = segment.Number + 1;
            await foreach (var block in inspector.BlocksAsync(log, segment, payloads: true, ct))
            {
                if (block.Verdict == BlockVerdict.Damaged)
                {
                    Lose($"{block.Where}: {block.Problem}");
                }

                // Above the decided end lies what no reader sees (W4).
                foreach (var entry in block.Entries.Where(e => e.Position >= from && !(e.Position >= segment.End)))
                {
                    yield return entry;
                }
            }

            if (segment.End > _next)
            {
                Lose($"log '{log.Name}', segment {segment.Number}: expected entries up to {segment.End}, found them up to {_next}");
            }
        }
    }

    private void Take(LogEntry entry, List<Replayed> deliver)
    {
        if (entry.Position != _next && (entry.Position.Entry > 0 || entry.Position.Segment <= _next.Segment))
        {
            Lose($"log '{log.Name}': expected entry {_next}, found {entry.Position}");
        }

        _next = entry.Position.Next;
        if (Decode(entry) is not { } message)
        {
            return;
        }

        if (FindContradiction(message) is { } contradiction)
        {
            Lose($"log '{log.Name}', entry {message.Position}: {contradiction}");
        }

        _last = message.TimeTick;
        if (_isLost)
        {
            if (message.Transaction != Timestamp.Zero && message.Body is not BeginTransactionBody)
            {
                return; // the rest of a transaction that began before
            }

            deliver.Add(new Replayed(null, message.Position, _problem));
            (_isLost, _problem) = (false, null);
        }

        switch (message.Body)
        {
            case BeginTransactionBody:
                _begin = message;
                break;
            case CommitTransactionBody:
                deliver.AddRange(_transaction.Select(m => new Replayed(m with { CommitTick = message.TimeTick }, default, null)));
                Close();
                break;
            case RollbackTransactionBody:
                Close();
                break;
            default:
                if (_begin is null)
                {
                    deliver.Add(new Replayed(message with { CommitTick = message.TimeTick }, default, null));
                }
                else
                {
                    _transaction.Add(message);
                }

                break;
        }
    }

    private LogMessage? Decode(LogEntry entry)
    {
        try
        {
            return MessageCodec.Decode(entry.Bytes, entry.Position);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
        {
            Lose($"log '{log.Name}': {e.Message}");
            return null;
        }
    }

    private string? FindContradiction(LogMessage message) =>
        message.TimeTick <= _last ? $"expected a tick above {_last}, found {message.TimeTick} (W15)"
        : _isLost || message.Body is RollbackTransactionBody ? null
        : message.Body is BeginTransactionBody ? _begin is null ? null : $"expected the end of the transaction that began at {_begin.Position}, found another Begin"
        : message.Transaction == (_begin?.TimeTick ?? Timestamp.Zero) ? null
        : $"expected a message of transaction {_begin?.TimeTick ?? Timestamp.Zero}, found one of {message.Transaction}";

    private void Lose(string problem)
    {
        _problem ??= problem;
        _isLost = true;
        Close();
    }

    private void Close()
    {
        _transaction.Clear();
        _begin = null;
    }
}
