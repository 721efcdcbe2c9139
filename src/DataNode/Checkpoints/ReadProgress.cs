using MiniMilvus.Core;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;

namespace MiniMilvus.DataNode.Checkpoints;

/// <summary>
/// How far a pchannel has been consumed. After a message of a transaction the point stays before the transaction, since more of it may follow
/// and a read must not start inside; the next other message moves it. A tick moves only the tick: a tick that was not stored never becomes
/// a position (T5).
/// </summary>
internal struct ReadProgress(HoldPoint start)
{
    private Timestamp _transaction;

    /// <summary>Where reading would go on with nothing lost.</summary>
    public HoldPoint Point { get; private set; } = start;

    /// <summary>The last message consumed.</summary>
    public LogPosition? Last { get; private set; }

    public void Advance(in LogEvent value)
    {
        if (value.Message is not { } message)
        {
            Point = Point with { Tick = Timestamp.Later(Point.Tick, value.Tick.Tick) };
            return;
        }

        Last = message.Position;
        if (message.Transaction == Timestamp.Zero)
        {
            _transaction = default;
            Point = new HoldPoint(message.Position.Next, Timestamp.Later(Point.Tick, message.CommitTick));
        }
        else if (message.Transaction != _transaction)
        {
            _transaction = message.Transaction;
            var resume = message.ResumePosition;
            Point = new HoldPoint(resume > Point.Position ? resume : Point.Position, Point.Tick);
        }

        if (message.Body is ManualFlushBody)
        {
            // Last of its request, so its transaction has come whole: whoever waits for its tick need not wait for another message.
            Point = Point with { Tick = Timestamp.Later(Point.Tick, message.CommitTick) };
        }
    }
}
