using MiniMilvus.Core;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Time;

namespace MiniMilvus.DataNode.Checkpoints;

/// <summary>
/// A place where reading may start again: everything with a tick at or below <see cref="Tick"/> lies below <see cref="Position"/>,
/// or need not be read again.
/// </summary>
internal readonly record struct HoldPoint(LogPosition Position, Timestamp Tick)
{
    /// <summary>The point that still includes the message, with the whole of its transaction (S4, T3).</summary>
    public static HoldPoint Before(LogMessage message)
    {
        var first = message.Transaction != Timestamp.Zero && message.Transaction < message.TimeTick ? message.Transaction : message.TimeTick;
        return new HoldPoint(message.ResumePosition, first.Value == 0 ? first : new Timestamp(first.Value - 1));
    }

    public static HoldPoint Earlier(HoldPoint a, HoldPoint b) => b.Position < a.Position ? b : a;
}
