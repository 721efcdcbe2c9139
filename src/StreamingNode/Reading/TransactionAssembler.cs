using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Time;

namespace MiniMilvus.StreamingNode.Reading;

/// <summary>
/// Turns stored messages into what consumers see: transactions whole, at their commit's tick, or not at all (S10). A transaction's messages lie
/// together in the log, so at most one is open. A reader that begins at the earliest entry there is may find the rest of a transaction whose
/// Begin is truncated: nobody needs it any more, and it is passed over. Also the place that treats a tick that does not rise as corruption (W15).
/// </summary>
internal sealed class TransactionAssembler(PChannel channel, bool startsAnywhere = false)
{
    private bool _mayLackBegin = startsAnywhere;
    private readonly List<LogMessage> _open = [];
    private LogMessage? _begin;
    private Timestamp _last;

    /// <summary>The Begin of the open transaction, or null.</summary>
    public LogMessage? OpenTransaction => _begin;

    /// <summary>The highest tick seen.</summary>
    public Timestamp LastTick => _last;

    /// <summary>Takes the next stored message; hands on what it makes deliverable, in order.</summary>
    public void Add(LogMessage message, List<LogMessage> deliver)
    {
        if (message.TimeTick <= _last)
        {
            throw MiniMilvusException.Corrupted($"pchannel {channel}, entry {message.Position}: tick {message.TimeTick} follows {_last} (W15)");
        }

        _last = message.TimeTick;
        if (_mayLackBegin)
        {
            _mayLackBegin = message.Transaction != Timestamp.Zero && message.Body is not (BeginTransactionBody or CommitTransactionBody or RollbackTransactionBody);
            if (message.Transaction != Timestamp.Zero && message.Body is not BeginTransactionBody)
            {
                return;
            }
        }

        switch (message.Body)
        {
            case BeginTransactionBody:
                Expect(message, _begin is null, "no open transaction");
                _begin = message;
                break;
            case CommitTransactionBody:
                Expect(message, _begin is not null, "an open transaction");
                foreach (var part in _open)
                {
                    deliver.Add(part with { CommitTick = message.TimeTick, ResumePosition = _begin!.Position });
                }

                Close();
                break;
            case RollbackTransactionBody:
                Close();
                break;
            default:
                if (message.Transaction == Timestamp.Zero)
                {
                    Expect(message, _begin is null, "Commit or Rollback first");
                    deliver.Add(message with { CommitTick = message.TimeTick, ResumePosition = message.Position });
                    break;
                }

                Expect(message, _begin?.TimeTick == message.Transaction, $"the Begin at {message.Transaction}");
                _open.Add(message);
                break;
        }
    }

    private void Close()
    {
        _open.Clear();
        _begin = null;
    }

    private void Expect(LogMessage message, bool holds, string expected)
    {
        if (!holds)
        {
            throw MiniMilvusException.Corrupted($"pchannel {channel}, entry {message.Position}: found {message.Type}, expected {expected}");
        }
    }
}
